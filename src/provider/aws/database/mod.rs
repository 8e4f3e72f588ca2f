//! Databases of RDS and Aurora. RDS says what each side is and moves the writer; sessions with the engine prove fences and
//! promotions, and write the canaries' rows.

pub(super) mod fence;
pub(super) mod look;
pub(super) mod promote;
pub(super) mod rebuild;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rds::types::{DbInstance, Tag};

use super::Ways;
use super::access::Access;
use super::call::{self, Action};
use super::tags::{self, Marked, Tagged, Tags};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::aws::database::{AwsDatabase as Settings, Kind, Side};
use crate::provider::postgres::Postgres;
use crate::resource::{
    CanaryRow, CanaryRows, Claimed, Context, Database, DatabaseState, Exclusive, FenceProof, Marker, Preserved,
    Processes, ProviderError, WriteAttempt,
};
use crate::secret::Redactor;

pub(super) const TAG: Action = Action("rds:AddTagsToResource");
pub(super) const UNTAG: Action = Action("rds:RemoveTagsFromResource");
pub(super) const TAGS: Action = Action("rds:ListTagsForResource");

/// A database of RDS or Aurora.
pub struct AwsRds {
    id: ResourceId,
    settings: Settings,
    ways: Ways,
    /// Sessions with the engine.
    sql: Postgres,
    /// Whether the playbook accepts that writes are lost.
    loss_accepted: bool,
    marked: Marked,
}

impl fmt::Debug for AwsRds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsRds").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AwsRds {
    /// The database `id`, as `settings` say.
    #[must_use]
    pub fn new(
        id: ResourceId,
        settings: Settings,
        ways: Ways,
        processes: Arc<dyn Processes>,
        redactor: Redactor,
        loss_accepted: bool,
    ) -> Self {
        let sql = Postgres::new(id.clone(), settings.sql.clone(), processes, redactor);
        Self { id, settings, ways, sql, loss_accepted, marked: Marked::default() }
    }

    /// The name of the whole, where it has one.
    fn name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or_default()
    }

    /// The instance of `role`'s side.
    fn instance(&self, role: RegionRole) -> &str {
        self.settings.side(role).instance.as_deref().unwrap_or_default()
    }

    /// `role`'s side.
    fn of(&self, role: RegionRole) -> OfSide<'_> {
        OfSide { id: &self.id, settings: &self.settings, access: self.ways.to(role) }
    }

    /// `role`'s side in AWS's words.
    fn what(&self, role: RegionRole) -> String {
        self.of(role).what()
    }

    /// Looks whose it is and notes the run on it, before each change of `role`'s side.
    async fn tag(&self, cx: &Context, role: RegionRole) -> Result<(), ProviderError> {
        self.of(role).tag(cx).await
    }

    /// As [`Self::tag`], where it may not be there.
    async fn tag_if_there(
        &self,
        cx: &Context,
        role: RegionRole,
        there: Option<&DbInstance>,
    ) -> Result<(), ProviderError> {
        if there.is_some() { self.tag(cx, role).await } else { Ok(()) }
    }
}

/// One side and the way to it: what its tags and its fence take.
#[derive(Clone, Copy)]
pub(super) struct OfSide<'a> {
    pub(super) id: &'a ResourceId,
    pub(super) settings: &'a Settings,
    pub(super) access: &'a Access,
}

impl OfSide<'_> {
    fn side(&self) -> &Side {
        self.settings.side(self.access.role)
    }

    /// The name of the whole, where it has one.
    fn name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or_default()
    }

    /// It in AWS's words.
    fn what(&self) -> String {
        let side = self.side();
        match self.settings.kind {
            Kind::Replica | Kind::Cluster => format!("the instance {}", side.instance.as_deref().unwrap_or_default()),
            Kind::MultiAz => format!("the instance {} in {}", self.name(), side.zone.as_deref().unwrap_or_default()),
            Kind::Global => format!("the cluster {}", side.cluster.as_deref().unwrap_or_default()),
        }
    }

    /// The ARN of what carries its tags.
    fn arn(&self) -> String {
        let what = match self.settings.kind {
            Kind::Replica => format!("db:{}", self.side().instance.as_deref().unwrap_or_default()),
            Kind::MultiAz => format!("db:{}", self.name()),
            Kind::Cluster => format!("cluster:{}", self.name()),
            Kind::Global => format!("cluster:{}", self.side().cluster.as_deref().unwrap_or_default()),
        };
        let Access { region, settings, .. } = self.access;
        format!("arn:{}:rds:{region}:{}:{what}", partition(region), settings.account)
    }

    /// Looks whose it is and notes the run on it, before each change.
    async fn tag(&self, cx: &Context) -> Result<(), ProviderError> {
        tags::guard(self, cx, &self.what()).await?;
        self.put(cx, &[(tags::RUN, cx.run.to_string())]).await
    }
}

/// The partition of a region's ARNs.
fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

#[async_trait]
impl Tagged for OfSide<'_> {
    fn access(&self) -> &Access {
        self.access
    }

    async fn tags(&self, cx: &Context) -> Result<Vec<Tags>, ProviderError> {
        let client = self.access.rds(cx).await?;
        let request = client.list_tags_for_resource().resource_name(self.arn()).send();
        let answer = call::reads(cx, self.access, &TAGS, request).await?;
        let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
        Ok(vec![answer.tag_list().iter().filter_map(pair).collect()])
    }

    async fn put(&self, cx: &Context, tags: &[(&str, String)]) -> Result<(), ProviderError> {
        let client = self.access.rds(cx).await?;
        let tag = |(key, value): &(&str, String)| Tag::builder().key(*key).value(value).build();
        let request = client.add_tags_to_resource().resource_name(self.arn());
        call::writes(cx, self.access, &TAG, request.set_tags(Some(tags.iter().map(tag).collect())).send()).await?;
        Ok(())
    }

    async fn take_off(&self, cx: &Context, key: &str) -> Result<(), ProviderError> {
        let client = self.access.rds(cx).await?;
        let request = client.remove_tags_from_resource().resource_name(self.arn()).tag_keys(key).send();
        call::writes(cx, self.access, &UNTAG, request).await?;
        Ok(())
    }
}

#[async_trait]
impl Exclusive for AwsRds {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let [one, other] = RegionRole::ALL.map(|role| self.of(role));
        tags::claim([&one, &other], cx, marker, (over, &self.marked)).await
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        let [one, other] = RegionRole::ALL.map(|role| self.of(role));
        tags::release([&one, &other], cx, marker, &self.marked).await
    }
}

#[async_trait]
impl Database for AwsRds {
    async fn observe(&self, cx: &Context) -> Result<DatabaseState, ProviderError> {
        Box::pin(look::both(self, cx)).await
    }

    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
        Box::pin(fence::set(self, cx, region)).await
    }

    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        self.tag(cx, region).await?;
        Box::pin(fence::take_away(self, cx, region)).await
    }

    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        Box::pin(promote::promote(self, cx, region)).await
    }

    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        Box::pin(rebuild::replicate(self, cx, from, to)).await
    }

    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        let attempt = self.sql.write(cx, region).await;
        fence::judged(self, cx, region, attempt).await
    }

    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        self.sql.write_canary(cx, region, row).await
    }

    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        self.sql.canary_rows(cx, region).await
    }

    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        self.sql.prepare_canary(cx).await
    }

    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        self.sql.remove_canary(cx).await
    }

    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
        Box::pin(rebuild::preserve(self, cx, region)).await
    }
}
