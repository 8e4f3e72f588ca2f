//! A plan as a runbook: each step and its undo as people do them, on the day when Muster itself is down.
//!
//! Stateful as the preview is: what a step is taken back to is the world as the steps before it leave it.

use std::fmt::Write as _;

use serde::Serialize;

use super::preview::advance;
use super::schedule::schedule;
use crate::catalogue::{Act, Condition, Probe, Services, Setting, Undo, Value};
use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::handbook::{self, Ask, Deed, Instruction, shell};
use crate::model::{Plan, Step};
use crate::resource::{Resolver, ResourceKind, ResourceState, Seen, World, region_resource};

/// A phase that is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseByHand {
    /// Its name.
    pub id: String,
    /// For people.
    pub title: String,
    /// Its steps, in the order in which they are expected to begin.
    pub steps: Vec<StepByHand>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepByHand {
    /// Its id.
    pub id: StepId,
    /// For people.
    pub title: String,
    /// What is done.
    pub doing: Vec<Instruction>,
    /// How it is taken back.
    pub undoing: Vec<Instruction>,
}

/// The plan as a runbook.
#[must_use]
pub fn by_hand(plan: &Plan, observed: &World) -> Vec<PhaseByHand> {
    let schedule = schedule(plan);
    let setting = Setting { mode: plan.mode, initial: observed, discard: plan.discard };
    let mut world = observed.clone();
    let applied = plan.phases.iter().enumerate().filter(|(_, phase)| phase.applies);
    applied
        .map(|(number, phase)| {
            let steps = schedule.order(plan, number).into_iter().map(|step| {
                let step = &plan.steps[step];
                let told = of_step(&At { plan, before: &world, initial: observed }, step);
                advance(step, &mut world, &setting);
                told
            });
            PhaseByHand { id: phase.id.to_string(), title: phase.title.clone(), steps: steps.collect() }
        })
        .collect()
}

/// Where a step stands.
struct At<'a> {
    plan: &'a Plan,
    before: &'a World,
    initial: &'a World,
}

fn of_step(at: &At<'_>, step: &Step) -> StepByHand {
    let doing = at.doing(&step.act);
    let undoing = match step.act.describe().undo() {
        Undo::Nothing => vec![Instruction::said("nothing to take back")],
        Undo::Irreversible(what) => vec![Instruction::said(format!("it can't be taken back: {what}"))],
        Undo::Restores | Undo::Compensates(_) => at.undoing(&step.act),
    };
    StepByHand { id: step.id.clone(), title: step.title.clone(), doing, undoing }
}

impl At<'_> {
    fn doing(&self, act: &Act) -> Vec<Instruction> {
        let mode = self.plan.mode;
        match act {
            Act::DnsSwitch(it) => self.each(&it.records.0, &Deed::Point { to: it.to }),
            Act::DatabaseFence(it) => self.on(&it.database, &Deed::Fence { region: it.region }),
            Act::StorageFence(it) => self.on(&it.storage, &Deed::Fence { region: it.region }),
            Act::DatabasePromote(it) => self.on(&it.database, &Deed::Promote { to: it.to, drained: it.drained(mode) }),
            Act::StoragePromote(it) => self.on(&it.storage, &Deed::Promote { to: it.to, drained: it.drained(mode) }),
            Act::DatabaseReplicate(it) => self.on(&it.database, &Deed::Replicate { from: it.from, to: it.to }),
            Act::StorageReplicate(it) => self.on(&it.storage, &Deed::Replicate { from: it.from, to: it.to }),
            Act::StorageVerify(it) => self.on(&it.storage, &Deed::Compare { region: it.region }),
            Act::DataPreserve(it) => self.each(&it.of.0, &Deed::Preserve { region: it.region }),
            Act::ComputeStart(it) => {
                let servers = it.servers.or_else(|| group(self.before, &it.compute, it.region).map(|(_, most)| most));
                self.on(&it.compute, &Deed::Scale { region: it.region, servers })
            }
            Act::ComputeStop(it) => self.on(&it.compute, &Deed::Scale { region: it.region, servers: Some(0) }),
            Act::ComputeScale(it) => {
                let servers = match it.to {
                    crate::catalogue::Servers::Count(count) => Some(count),
                    crate::catalogue::Servers::AsBefore => {
                        group(self.initial, &it.compute, it.region).map(|(desired, _)| desired)
                    }
                };
                self.on(&it.compute, &Deed::Scale { region: it.region, servers })
            }
            Act::BackupVerify(it) => {
                let mut all = self.on(&it.backup, &Deed::Look { region: Some(it.region) });
                all.insert(0, Instruction::said(act.describe().summary()));
                all
            }
            Act::BackupRestore(it) => self.on(&it.backup, &Deed::Restore { region: it.region, point: it.to.0 }),
            Act::RegionIsolate(it) => {
                self.region(it.region, &Deed::Isolate { region: it.region, from: it.from.clone() })
            }
            Act::RegionRejoin(it) => {
                self.region(it.region, &Deed::Rejoin { region: it.region, fenced: it.fenced.clone() })
            }
            Act::Check(it) => self.condition(&it.0),
            Act::Wait(it) => self.condition(&it.0),
            Act::Command(it) => {
                let mut all = vec![self.typed("run it", command(it, &it.argv))];
                if !it.observe.is_empty() {
                    all.push(
                        self.typed("see that it was done: exit 0 says so, 1 that it was not", command(it, &it.observe)),
                    );
                }
                all
            }
            Act::Http(it) => vec![self.typed("make the request", http(it))],
            Act::Notify(it) => vec![self.typed("tell them", notify(it))],
            Act::Approve(it) => {
                let whom = if it.by.is_empty() { "anyone who may".to_owned() } else { it.by.join(" or ") };
                let many = if it.quorum > 1 { format!("{} people, of: ", it.quorum) } else { String::new() };
                vec![Instruction::said(format!(
                    "ask {many}{whom}, and write down who said yes and when: {}",
                    it.prompt
                ))]
            }
            Act::Manual(it) => it.checklist.iter().map(Instruction::said).collect(),
            // Plans have its steps in its place.
            Act::Playbook(_) | Act::StorageRecover(_) => vec![Instruction::said(act.describe().summary())],
        }
    }

    fn undoing(&self, act: &Act) -> Vec<Instruction> {
        match act {
            Act::DnsSwitch(it) => self.each(&it.records.0, &Deed::PutBack),
            Act::DatabaseFence(it) => self.on(&it.database, &Deed::Unfence { region: it.region }),
            Act::StorageFence(it) => self.on(&it.storage, &Deed::Unfence { region: it.region }),
            Act::ComputeStart(it) => self.scaled_back(&it.compute, it.region),
            Act::ComputeStop(it) => self.scaled_back(&it.compute, it.region),
            Act::ComputeScale(it) => self.scaled_back(&it.compute, it.region),
            Act::RegionIsolate(it) => self.region(it.region, &Deed::Rejoin { region: it.region, fenced: Vec::new() }),
            Act::Command(it) if !it.undo.is_empty() => vec![self.typed("run this", command(it, &it.undo))],
            Act::Manual(it) if !it.undo.is_empty() => it.undo.iter().map(Instruction::said).collect(),
            other => match other.describe().undo() {
                Undo::Compensates(what) => vec![Instruction::said(what)],
                _ => vec![Instruction::said("put it back as it was")],
            },
        }
    }

    /// Something that is typed; in a simulation it is not, but the words are the playbook's own.
    fn typed(&self, words: &str, line: String) -> Instruction {
        let simulated = if self.plan.simulated() { " (simulated here: nothing is run)" } else { "" };
        Instruction::typed(format!("{words}{simulated}"), line)
    }

    fn each(&self, resources: &[ResourceId], deed: &Deed) -> Vec<Instruction> {
        resources.iter().flat_map(|resource| self.on(resource, deed)).collect()
    }

    fn on(&self, resource: &ResourceId, deed: &Deed) -> Vec<Instruction> {
        let Some(binding) = self.plan.resources.get(resource) else {
            return vec![Instruction::said(deed.words(resource.as_str()))];
        };
        let ask = Ask {
            resource: resource.as_str(),
            kind: binding.kind,
            settings: &binding.settings,
            deed,
            before: self.before.get(resource),
        };
        handbook::by_hand(&binding.provider, &ask)
    }

    fn region(&self, role: RegionRole, deed: &Deed) -> Vec<Instruction> {
        let Some(region) = self.plan.regions.get(&role) else {
            return vec![Instruction::said(deed.words(role.as_str()))];
        };
        let before = self.before.get(&region_resource(role));
        let ask = Ask { resource: role.as_str(), kind: ResourceKind::Region, settings: &region.settings, deed, before };
        handbook::by_hand(&region.provider, &ask)
    }

    fn scaled_back(&self, id: &ResourceId, region: RegionRole) -> Vec<Instruction> {
        let servers = group(self.before, id, region).map(|(desired, _)| desired);
        self.on(id, &Deed::Scale { region, servers })
    }

    fn condition(&self, condition: &Condition) -> Vec<Instruction> {
        let look = |resource: &ResourceId, region: Option<RegionRole>| self.on(resource, &Deed::Look { region });
        let with = |words: String, mut all: Vec<Instruction>| {
            all.insert(0, Instruction::said(words));
            all
        };
        match condition {
            Condition::Served { services, healthy_for, by } => {
                let by = by.map_or_else(String::new, |by| format!(", from an address of {by}"));
                let held = if healthy_for.is_zero() { String::new() } else { format!(" for {healthy_for}") };
                with(format!("see that {services} answer{held}{by}"), self.probes(services))
            }
            Condition::Down { services } => {
                with(format!("see that {services} no longer answer"), self.probes(services))
            }
            Condition::Standby { service, region } => {
                let found = self.plan.services.iter().find(|it| it.id == *service).and_then(|it| it.standby.as_ref());
                let told = format!("see that {service} stands by in {region}, asked at an address of that region");
                match found {
                    Some(probe) => vec![self.typed(&told, ask(probe))],
                    None => vec![Instruction::said(told)],
                }
            }
            Condition::Lag { resource, region, at_most, .. } => {
                with(format!("see that {resource} in {region} is at most {at_most} behind"), look(resource, None))
            }
            Condition::Ttl { records, at_most } => {
                let looks = records.iter().flat_map(|record| look(record, None)).collect();
                with(format!("see that resolvers may keep the answer for at most {at_most}"), looks)
            }
            Condition::Capacity { compute, region, servers } => {
                with(format!("see that {region} can give {servers} servers of {compute}"), look(compute, Some(*region)))
            }
            Condition::For(span) => vec![Instruction::said(format!("wait for {span}"))],
            Condition::At(at) => vec![Instruction::said(format!("wait until {at}"))],
        }
    }

    fn probes(&self, services: &Services) -> Vec<Instruction> {
        let meant = |it: &&crate::model::Service| match services {
            Services::All => true,
            Services::These(ids) => ids.contains(&it.id),
        };
        let all = self.plan.services.iter().filter(meant);
        all.map(|it| self.typed(&format!("ask {}, as `{}` is probed", it.title, it.id), ask(&it.probe.probe))).collect()
    }
}

/// How many servers a group was asked to have, and how many it can have.
fn group(world: &World, id: &ResourceId, region: RegionRole) -> Option<(u32, u32)> {
    match world.get(id)? {
        ResourceState::Compute(state) => match state.regions.get(&region)? {
            Seen::Is(group) => Some((group.desired, group.capacity)),
            Seen::Unreachable(_) => None,
        },
        _ => None,
    }
}

/// A probe as a person makes it.
fn ask(probe: &Probe) -> String {
    match probe {
        Probe::Http(it) => {
            let mut words: Vec<String> = ["curl", "-sS", "-o", "/dev/null"].map(str::to_owned).to_vec();
            words.extend(["-w".to_owned(), "%{http_code} in %{time_total} s from %{remote_ip}\\n".to_owned()]);
            if it.method.as_str() != "GET" {
                words.extend(["-X".to_owned(), it.method.as_str().to_owned()]);
            }
            for (name, value) in &it.headers {
                if let Value::Plain(text) = value {
                    words.extend(["-H".to_owned(), format!("{name}: {text}")]);
                }
            }
            if let Some(body) = &it.body {
                words.extend(["--data-raw".to_owned(), body.clone()]);
            }
            if it.redirects > 0 {
                words.extend(["-L".to_owned(), "--max-redirs".to_owned(), it.redirects.to_string()]);
            }
            if it.tls.insecure {
                words.push("-k".to_owned());
            }
            words.extend(it.tls.ca.iter().flat_map(|ca| ["--cacert".to_owned(), ca.display().to_string()]));
            if let Resolver::Fixed(address) = &it.resolver {
                let address = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
                words.extend(["--connect-to".to_owned(), format!("::{address}:")]);
            }
            words.push(it.url.clone());
            let secret = it.headers.iter().filter_map(|(name, value)| Some((name, value.secret()?)));
            let secret = secret
                .map(|(name, source)| format!(" -H {}{}", shell::word(&format!("{name}: ")), shell::secret(source)));
            shell::argv(&words) + &secret.collect::<String>()
        }
        Probe::Tcp(it) if it.send.is_some() => {
            let said = shell::argv(&["printf".to_owned(), "%s".to_owned(), it.send.clone().unwrap_or_default()]);
            format!("{said} | {}", shell::argv(&["nc", &it.host, &it.port.to_string()].map(str::to_owned)))
        }
        Probe::Tcp(it) => shell::argv(&["nc", "-vz", &it.host, &it.port.to_string()].map(str::to_owned)),
        Probe::Tls(it) => {
            let (at, name) = (format!("{}:{}", it.host, it.port), it.tls.server_name.as_deref().unwrap_or(&it.host));
            let words = ["openssl", "s_client", "-connect", &at, "-servername", name, "-verify_hostname", name];
            format!(
                "{} </dev/null | openssl x509 -noout -subject -issuer -enddate",
                shell::argv(&words.map(str::to_owned))
            )
        }
        Probe::Dns(it) => {
            let ask = |server: Option<&String>| {
                let at = server.map(|server| format!("@{server}"));
                let words = ["dig", "+noall", "+answer"].map(str::to_owned).into_iter().chain(at);
                shell::argv(&words.chain([it.name.clone(), it.record.to_string()]).collect::<Vec<_>>())
            };
            if it.servers.is_empty() {
                return ask(None);
            }
            it.servers.iter().map(|server| ask(Some(server))).collect::<Vec<_>>().join("\n")
        }
        Probe::Postgres(it) => {
            let to = format!("host={} port={} user={} dbname={}", it.host, it.port, it.user, it.database);
            let password =
                it.password.as_ref().map_or_else(String::new, |it| format!("PGPASSWORD={} ", shell::secret(it)));
            password + &shell::argv(&["psql", &to, "-Atc", &it.query].map(str::to_owned))
        }
        Probe::Command(it) => shell::argv(&it.argv),
        Probe::Several(it) => {
            let each = it.probes.iter().map(ask).collect::<Vec<_>>().join("\n");
            format!("# {} of these must be well\n{each}", it.needed)
        }
    }
}

/// A value where a shell reads it.
fn value(value: &Value) -> String {
    match value {
        Value::Plain(text) => shell::word(text),
        Value::Secret(source) => shell::secret(source),
    }
}

fn command(it: &crate::catalogue::Command, argv: &[String]) -> String {
    let mut line = String::new();
    for (name, one) in &it.env {
        let _ = write!(line, "{name}={} ", value(one));
    }
    line.push_str(&shell::argv(argv));
    match &it.folder {
        Some(folder) => format!("(cd {} && {line})", shell::word(folder)),
        None => line,
    }
}

fn http(it: &crate::catalogue::Http) -> String {
    let mut line = format!("curl -sS -i -X {}", it.method.as_str());
    for (name, one) in &it.headers {
        let header = match one {
            Value::Plain(text) => shell::word(&format!("{name}: {text}")),
            // The name is quoted by itself, so that the secret is read where it stands.
            Value::Secret(source) => shell::quoted(&format!("{name}: ")) + &shell::secret(source),
        };
        let _ = write!(line, " -H {header}");
    }
    if let Some(body) = &it.body {
        let _ = write!(line, " --data-binary {}", shell::quoted(body));
    }
    format!("{line} {}", shell::word(&it.url))
}

fn notify(it: &crate::catalogue::Notify) -> String {
    let body = serde_json::json!({ "text": it.message }).to_string();
    format!(
        "curl -sS -X POST -H 'content-type: application/json' --data-binary {} {}",
        shell::quoted(&body),
        value(&it.webhook)
    )
}
