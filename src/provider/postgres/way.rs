//! How a standby is to follow: by which name and slot, and what the servers' own settings are told about it. What the
//! infrastructure file leaves open stays as the servers had it.

use super::link::{Failed, literal};
use super::{Postgres, conninfo, look};
use crate::id::RegionRole;
use crate::resource::{Context, ProviderError};

/// What Muster calls a standby that had no name of its own begins so.
const OURS: &str = "muster_";

/// A server's settings for following.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    slot: String,
    /// Whether that slot was set by `ALTER SYSTEM`.
    altered: bool,
    /// Whether the server itself has a slot of that name.
    slot_is_here: bool,
    conninfo: String,
    /// Standbys that its commits wait for.
    synchronous: String,
    /// Whether one of them streams.
    waited_for: bool,
}

impl Own {
    /// As `region`'s server says.
    pub(super) async fn of(it: &Postgres, cx: &Context, region: RegionRole) -> Result<Self, Failed> {
        let question = "
SELECT (SELECT setting FROM pg_settings WHERE name = 'primary_slot_name'),
  (SELECT sourcefile LIKE '%postgresql.auto.conf' FROM pg_settings WHERE name = 'primary_slot_name'),
  EXISTS (SELECT FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name =
    (SELECT setting FROM pg_settings WHERE name = 'primary_slot_name')),
  (SELECT setting FROM pg_settings WHERE name = 'primary_conninfo'),
  (SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'),
  EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))";
        let rows = it.ask(cx, region, question, &[]).await?;
        let row = rows.first().ok_or_else(|| Failed::Here("an answer without a row".to_owned()))?;
        let text = |place: usize| Ok::<_, Failed>(row.try_get::<_, Option<String>>(place)?.unwrap_or_default());
        Ok(Self {
            slot: text(0)?,
            altered: row.try_get::<_, Option<bool>>(1)?.unwrap_or_default(),
            slot_is_here: row.try_get(2)?,
            conninfo: text(3)?,
            synchronous: text(4)?,
            waited_for: row.try_get(5)?,
        })
    }

    /// The name by which it followed, if that is none of Muster's.
    fn name(&self) -> Option<String> {
        let name = conninfo::value(&self.conninfo, "application_name");
        name.filter(|name| !name.is_empty() && !name.starts_with(OURS))
    }
}

/// How the standby follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The slot that it uses at the source.
    pub(super) slot: Option<String>,
    /// What the source is told before its data is copied, settings and all.
    pub(super) there: Vec<String>,
    /// What the source is told afterwards: its own settings again, and whom it would follow.
    pub(super) back: Vec<String>,
    /// What the standby is told.
    conninfo: Option<String>,
    /// Its `primary_slot_name`; none: whatever it is.
    wanted: Option<String>,
}

impl Way {
    /// How `to` is to follow `from`. `before`: what `to` had, if it could be asked.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] if the source's commits would wait for a standby of another name.
    pub(super) async fn of(
        it: &Postgres,
        cx: &Context,
        from: RegionRole,
        to: RegionRole,
        before: Option<&Own>,
    ) -> Result<Self, ProviderError> {
        let source = Own::of(it, cx, from).await?;
        let name = name(it, to, before.or_else(|| is_left(it, from, &source).then_some(&source)));
        let waits = !source.synchronous.trim().is_empty() && !source.waited_for;
        if it.link.settings.replication.is_some() && waits && !conninfo::waits_for(&source.synchronous, &name) {
            return Err(ProviderError::Refused(format!(
                "commits in {from} wait for standbys by `synchronous_standby_names = {}`, and the one in {to} would \
                 follow as `{name}`, which is none of them: name it there, or write `application_name=…` into the \
                 `options` of `replication` in the infrastructure file",
                source.synchronous
            )));
        }
        Ok(compose(it, from, to, &source, before))
    }

    /// What the standby is told, now that it runs: no more of its slot than it does not have already.
    pub(super) async fn here(&self, it: &Postgres, cx: &Context, to: RegionRole) -> Result<Vec<String>, Failed> {
        let mut told: Vec<String> = self.conninfo.iter().cloned().collect();
        if let Some(wanted) = &self.wanted
            && (it.server(to).slot.is_some() || Own::of(it, cx, to).await?.slot != *wanted)
        {
            told.push(set_slot(wanted));
        }
        Ok(told)
    }
}

/// Whether the source's settings are what an attempt that was cut off has left: it was told to follow itself, for its
/// copy's sake, by the name that the standby had.
fn is_left(it: &Postgres, from: RegionRole, source: &Own) -> bool {
    let (peer, port) = it.server(from).for_peer();
    look::sender(&source.conninfo).is_some_and(|(host, at)| host == peer && at == port)
}

fn compose(it: &Postgres, from: RegionRole, to: RegionRole, source: &Own, before: Option<&Own>) -> Way {
    let cut_off = is_left(it, from, source);
    let own = (!cut_off).then_some(source);
    let stated = it.server(to).slot.as_deref();
    let wanted = wanted(stated, source, before);
    let conninfo = follow(it, from, &name(it, to, before.or(cut_off.then_some(source))));
    let mut there: Vec<String> = conninfo.iter().cloned().collect();
    let mut back: Vec<String> = follow(it, to, &name(it, from, own)).into_iter().collect();
    let altered = wanted.as_ref().filter(|wanted| stated.is_some() || **wanted != source.slot);
    there.extend(altered.map(|wanted| set_slot(wanted)));
    match (it.server(from).slot.as_deref(), altered) {
        (Some(stated), _) => back.push(set_slot(stated)),
        (None, Some(_)) => back.push(match own {
            Some(own) if own.altered => set_slot(&own.slot),
            _ => "ALTER SYSTEM RESET primary_slot_name".to_owned(),
        }),
        (None, None) if cut_off && source.altered => back.push("ALTER SYSTEM RESET primary_slot_name".to_owned()),
        (None, None) => {}
    }
    let slot = wanted.clone().filter(|slot| !slot.is_empty() && (stated.is_some() || before.is_some()));
    Way { slot, there, back, conninfo, wanted }
}

/// The standby's `primary_slot_name`: what is stated, else what it had. Where it can't be asked it will have what its
/// source has, which is the name of a slot at the other side, unless the source has one of that name itself.
fn wanted(stated: Option<&str>, source: &Own, before: Option<&Own>) -> Option<String> {
    match (stated, before) {
        (Some(stated), _) => Some(stated.to_owned()),
        (None, Some(before)) => Some(before.slot.clone()),
        (None, None) if source.slot.is_empty() || source.slot_is_here => None,
        (None, None) => Some(String::new()),
    }
}

/// The name by which `region`'s server follows: what `options` state, else what it had, else one of Muster's.
fn name(it: &Postgres, region: RegionRole, own: Option<&Own>) -> String {
    let replication = it.link.settings.replication.as_ref();
    let stated = replication.and_then(|replication| conninfo::value(&replication.options, "application_name"));
    stated.or_else(|| own.and_then(Own::name)).unwrap_or_else(|| format!("{OURS}{region}"))
}

/// What has a standby follow `from`; nothing if that is left to `rewind` and `basebackup`.
fn follow(it: &Postgres, from: RegionRole, name: &str) -> Option<String> {
    let replication = it.link.settings.replication.as_ref()?;
    let (host, port) = it.server(from).for_peer();
    let text = format!(
        "host={host} port={port} user={} application_name={} {}",
        replication.user,
        conninfo::quoted(name),
        replication.options
    );
    Some(format!("ALTER SYSTEM SET primary_conninfo = {}", literal(text.trim_end())))
}

fn set_slot(slot: &str) -> String {
    format!("ALTER SYSTEM SET primary_slot_name = {}", literal(slot))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Own, compose, wanted};
    use crate::id::RegionRole::{Primary, Secondary};
    use crate::id::ResourceId;
    use crate::provider::postgres::Postgres;
    use crate::provider::process::RealProcesses;
    use crate::secret::Redactor;

    #[test]
    fn a_source_gets_its_own_settings_back_and_not_what_a_cut_off_attempt_left_in_them() {
        let settings = serde_json::json!({
            "dbname": "app", "replication": { "user": "rep" },
            "regions": { "primary": { "host": "a" }, "secondary": { "host": "b" } },
        });
        let settings = serde_json::from_value(settings).unwrap();
        let id = ResourceId::new("main").unwrap();
        let it = Postgres::new(id, settings, Arc::new(RealProcesses::default()), Redactor::default());
        let own = |slot: &str, conninfo: &str| Own {
            slot: slot.to_owned(),
            altered: true,
            conninfo: conninfo.to_owned(),
            ..Own::default()
        };
        let before = own("of_a", "host=b application_name=node_a");
        let conninfo = |host: &str, name: &str| {
            format!("ALTER SYSTEM SET primary_conninfo = 'host={host} port=5432 user=rep application_name={name}'")
        };
        let slot = |slot: &str| format!("ALTER SYSTEM SET primary_slot_name = '{slot}'");

        let way = compose(&it, Secondary, Primary, &own("of_b", "host=a application_name=node_b"), Some(&before));
        assert_eq!(way.there, [conninfo("b", "node_a"), slot("of_a")]);
        assert_eq!(way.back, [conninfo("a", "node_b"), slot("of_b")]);
        assert_eq!(way.slot.as_deref(), Some("of_a"));

        let left = own("of_old", "host=b port=5432 application_name=node_a");
        let way = compose(&it, Secondary, Primary, &left, Some(&before));
        let reset = "ALTER SYSTEM RESET primary_slot_name".to_owned();
        assert_eq!(way.back, [conninfo("a", "muster_secondary"), reset.clone()]);
        // Where the standby can't be asked any more, its name is what that attempt left there.
        let way = compose(&it, Secondary, Primary, &left, None);
        assert_eq!(
            (&way.there[0], way.back),
            (&conninfo("b", "node_a"), vec![conninfo("a", "muster_secondary"), reset])
        );

        // Nothing that is as it should be is touched.
        let way = compose(&it, Secondary, Primary, &own("of_a", "host=a"), Some(&before));
        assert_eq!((way.there, way.back), (vec![conninfo("b", "node_a")], vec![conninfo("a", "muster_secondary")]));
    }

    #[test]
    fn a_slot_is_what_is_stated_or_was_there_and_another_sides_is_not_taken_over() {
        let own = |slot: &str, slot_is_here| Own { slot: slot.to_owned(), slot_is_here, ..Own::default() };
        let (plain, with) = (own("", false), own("of_source", false));
        assert_eq!(wanted(Some("stated"), &with, Some(&own("had", false))).as_deref(), Some("stated"));
        assert_eq!(wanted(None, &with, Some(&own("had", false))).as_deref(), Some("had"));
        assert_eq!(wanted(None, &with, Some(&plain)).as_deref(), Some(""));
        assert_eq!(wanted(None, &plain, None), None, "nothing came along that would be wrong");
        assert_eq!(wanted(None, &with, None).as_deref(), Some(""), "it names a slot of the other server");
        assert_eq!(wanted(None, &own("both", true), None), None, "it names one that is there");
    }
}
