//! The failover part of the quarterly drill on AWS by a plain program on the same SDK: the same requests and proofs, with no
//! plan, journal or undo. `tests/bench/aws.py` runs it and Muster in turn; see there for what must be listening.
//!
//! `aws-plain ENDPOINT ZONE NAME_SERVER OLD_ENGINE NEW_ENGINE SUBNET` prints how many milliseconds it took.

#![expect(clippy::disallowed_methods, reason = "a plain program knows nothing of Muster's clock")]

use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio_postgres::{Client, NoTls};

type Done<T = ()> = Result<T, Box<dyn Error>>;

const CLUSTER: &str = "main";
const GROUP: &str = "web";
const RECORD: &str = "code.example.test";
/// As the infrastructure file of the bench has it: how long the engine may be silent.
const SILENCE: Duration = Duration::from_millis(500);
/// Nothing is waited for longer than this.
const LONGEST: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, zone, name_server, old, new, subnet] = &arguments[..] else {
        return Err("ENDPOINT ZONE NAME_SERVER OLD_ENGINE NEW_ENGINE SUBNET".into());
    };
    let http = HttpBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .endpoint_url(endpoint)
        .http_client(http)
        .load()
        .await;
    let began = Instant::now();
    let database = async {
        fence(&config, old, subnet).await?;
        promote(&config, new).await
    };
    tokio::try_join!(scale(&config), database)?;
    switch(&config, zone, name_server).await?;
    writeln!(std::io::stdout(), "{:.1}", began.elapsed().as_secs_f64() * 1000.0)?;
    Ok(())
}

/// Looks until it is so, as often as Muster does.
async fn until<F, Fut>(mut look: F) -> Done
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Done<bool>>,
{
    let (began, mut rest) = (Instant::now(), Duration::from_millis(250));
    while !look().await? {
        if began.elapsed() > LONGEST {
            return Err("it never came to pass".into());
        }
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(Duration::from_secs(2));
    }
    Ok(())
}

/// Four servers in the group, in service.
async fn scale(config: &aws_config::SdkConfig) -> Done {
    let client = aws_sdk_autoscaling::Client::new(config);
    client.describe_auto_scaling_groups().auto_scaling_group_names(GROUP).send().await?;
    client.set_desired_capacity().auto_scaling_group_name(GROUP).desired_capacity(4).send().await?;
    until(|| async {
        let seen = client.describe_auto_scaling_groups().auto_scaling_group_names(GROUP).send().await?;
        let up = seen.auto_scaling_groups().first().map_or(0, |group| group.instances().len());
        Ok(up == 4)
    })
    .await
}

async fn session(engine: &str) -> Done<Client> {
    let (host, port) = engine.split_once(':').ok_or("HOST:PORT")?;
    let text = format!("host={host} port={port} user=muster dbname=code password=none");
    let connected = tokio::time::timeout(SILENCE, tokio_postgres::connect(&text, NoTls)).await?;
    let (client, connection) = connected?;
    tokio::spawn(connection);
    Ok(client)
}

async fn writes(client: &Client) -> bool {
    tokio::time::timeout(SILENCE, client.batch_execute("BEGIN; COMMIT")).await.is_ok_and(|written| written.is_ok())
}

/// A wall before the old writer, its sessions ended, and no write on an old and a new session.
async fn fence(config: &aws_config::SdkConfig, engine: &str, subnet: &str) -> Done {
    let held = session(engine).await?;
    let ec2 = aws_sdk_ec2::Client::new(config);
    let filter = Filter::builder().name("association.subnet-id").values(subnet).build();
    let seen = ec2.describe_network_acls().filters(filter).send().await?;
    let acl = seen.network_acls().first().ok_or("no network ACL")?;
    let gate = acl.associations().iter().find(|one| one.subnet_id() == Some(subnet)).ok_or("no association")?;
    let tag = Tag::builder().key("muster:wall").value("fences:main").build();
    let tags = TagSpecification::builder().resource_type(ResourceType::NetworkAcl).tags(tag).build();
    let wall =
        ec2.create_network_acl().vpc_id(acl.vpc_id().unwrap_or_default()).tag_specifications(tags).send().await?;
    let wall = wall.network_acl().and_then(|acl| acl.network_acl_id()).ok_or("no wall")?;
    let association = gate.network_acl_association_id().unwrap_or_default();
    ec2.replace_network_acl_association().association_id(association).network_acl_id(wall).send().await?;
    let rds = aws_sdk_rds::Client::new(config);
    rds.reboot_db_instance().db_instance_identifier("main-a").send().await?;
    until(|| async {
        let seen = rds.describe_db_instances().db_instance_identifier("main-a").send().await?;
        Ok(seen.db_instances().first().and_then(|one| one.db_instance_status()) == Some("available"))
    })
    .await?;
    let (fresh, on_old) = tokio::join!(session(engine), writes(&held));
    // And once more, as Muster proves what it has set.
    if fresh.is_ok() || on_old || session(engine).await.is_ok() {
        return Err("the fence lets writes through".into());
    }
    Ok(())
}

/// The writer moves, and takes a write.
async fn promote(config: &aws_config::SdkConfig, engine: &str) -> Done {
    let rds = aws_sdk_rds::Client::new(config);
    rds.failover_db_cluster().db_cluster_identifier(CLUSTER).target_db_instance_identifier("main-b").send().await?;
    until(|| async {
        let seen = rds.describe_db_clusters().db_cluster_identifier(CLUSTER).send().await?;
        let members = seen.db_clusters().first().map(|one| one.db_cluster_members().to_vec()).unwrap_or_default();
        let writer = members.iter().find(|one| one.is_cluster_writer() == Some(true));
        Ok(writer.and_then(|one| one.db_instance_identifier()) == Some("main-b"))
    })
    .await?;
    until(|| async { Ok(writes(&session(engine).await?).await) }).await
}

fn record(value: &str) -> Done<ResourceRecordSet> {
    let value = ResourceRecord::builder().value(value).build()?;
    Ok(ResourceRecordSet::builder().name(RECORD).r#type(RrType::A).ttl(60).resource_records(value).build()?)
}

/// The record changes, Route 53 says so, and so does the zone's name server.
async fn switch(config: &aws_config::SdkConfig, zone: &str, name_server: &str) -> Done {
    let client = aws_sdk_route53::Client::new(config);
    client.list_resource_record_sets().hosted_zone_id(zone).send().await?;
    let gone = Change::builder().action(ChangeAction::Delete).resource_record_set(record("192.0.2.1")?).build()?;
    let new = Change::builder().action(ChangeAction::Create).resource_record_set(record("198.51.100.1")?).build()?;
    let batch = ChangeBatch::builder().changes(gone).changes(new).build()?;
    let made = client.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await?;
    let id = made.change_info().map(|it| it.id().trim_start_matches("/change/").to_owned()).unwrap_or_default();
    until(|| async {
        let seen = client.get_change().id(&id).send().await?;
        Ok(seen.change_info().is_some_and(|it| *it.status() == ChangeStatus::Insync))
    })
    .await?;
    let mut query = Query::new();
    query.set_name(Name::from_ascii(format!("{RECORD}."))?).set_query_type(RecordType::A);
    let mut question = Message::new(1, MessageType::Query, OpCode::Query);
    question.add_query(query);
    let question = question.to_vec()?;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(name_server).await?;
    until(|| async {
        let mut buffer = [0_u8; 4096];
        socket.send(&question).await?;
        let length = tokio::time::timeout(SILENCE, socket.recv(&mut buffer)).await??;
        let answer = Message::from_vec(&buffer[..length])?;
        Ok(answer.answers.iter().any(|one| one.data.to_string() == "198.51.100.1"))
    })
    .await
}
