//! How many probes a second of CPU buys, and how punctual a thousand of them are.
//!
//! `cargo run --release --example probe-rate` starts an HTTP server in a process of its own and probes it over
//! loopback through `RealNetwork`, on one thread, a fresh connection each time. Only this process's CPU time counts.
//!
//! * programs: what running `true` costs, one after another;
//! * rate: 64 HTTP probes at a time for 4 seconds;
//! * punctuality: 1,000 targets, one probe a second each, their starts spread over the second, for 10 seconds; then
//!   the same as services of a drill, watched by the engine as it does during a run;
//! * rate again, of bare connections: these are opened faster than the server takes them, so that its queue
//!   overflows and only the figure for a CPU-second says something.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use muster::catalogue::Probe;
use muster::engine::Sink;
use muster::engine::watch::{Addresses, Pace, Watch, WatchSetup};
use muster::event::Event;
use muster::id::RunId;
use muster::plan::{Checked, LoadInput, Reality};
use muster::provider::network::RealNetwork;
use muster::provider::process::RealProcesses;
use muster::provider::terminal::NobodyPeople;
use muster::resource::{
    Actor, Cancellation, CommandLine, Context, Exchange, HttpRequest, HttpResponse, Method, Network, Processes,
    Resolver, Resources, TcpRequest,
};
use muster::time::{Clock, Moment, Span, Ticks, run_real};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const AT_ONCE: usize = 64;
const RATE_FOR: Span = Span(4_000_000_000);
const TARGETS: u64 = 1_000;
const ROUNDS: u64 = 10;
const PROGRAMS: u32 = 500;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("server") {
        return run_real(serve)?;
    }
    #[expect(clippy::disallowed_methods, reason = "the server must not share this process's CPU time")]
    let mut server = std::process::Command::new(std::env::current_exe()?)
        .arg("server")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut port = String::new();
    BufReader::new(server.stdout.take().ok_or("the server has no output")?).read_line(&mut port)?;
    let port = port.trim().parse()?;
    let measured = run_real(|clock| measure(clock, port))?;
    server.kill()?;
    server.wait()?;
    measured
}

/// Answers every connection's first request; prints its port first.
async fn serve(clock: Clock) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        clock.spawn(async move {
            let mut head = [0; 2048];
            if let Ok(1..) = stream.read(&mut head).await {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                let _ = stream.read(&mut head).await;
            }
        });
    }
}

async fn measure(clock: Clock, port: u16) -> Result<()> {
    let cx = Context {
        run: RunId::new("20261122-084216-probe-rate")?,
        actor: Actor::Muster,
        attempt: 1,
        errand: muster::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 0,
        cancel: Cancellation::default(),
    };
    let network: Arc<dyn Network> = Arc::new(RealNetwork::new());
    let url = format!("http://code.example.test:{port}/healthz");
    let resolver = Resolver::Fixed([127, 0, 0, 1].into());
    let http = HttpRequest::new(Method::Get, &url, ("code.example.test", port), resolver, 64 * 1024);
    let tcp = TcpRequest::to("127.0.0.1", port, Resolver::System);
    let mut out = std::io::stdout();

    programs(&cx, &mut out).await?;
    let network_tcp = network.clone();
    let probe = {
        let (cx, network, http) = (cx.clone(), network.clone(), http.clone());
        move || {
            let (cx, network, http) = (cx.clone(), network.clone(), http.clone());
            async move { network.http(&cx, &http).await.result.is_ok() }
        }
    };
    writeln!(out, "HTTP probes: {}", rate(&clock, probe).await?)?;
    punctuality(&cx, &network, &http, &mut out).await?;
    watched(&cx, &network, port, &mut out).await?;
    let tcp_cx = cx.clone();
    let probe = move || {
        let (cx, network, tcp) = (tcp_cx.clone(), network_tcp.clone(), tcp.clone());
        async move { network.tcp(&cx, &tcp).await.result.is_ok() }
    };
    writeln!(out, "TCP probes: {}", rate(&clock, probe).await?)?;
    Ok(())
}

/// Runs `probe` over and over, `AT_ONCE` of them side by side.
async fn rate<P, F>(clock: &Clock, probe: P) -> Result<String>
where
    P: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = bool> + Send,
{
    // Warm: the certificates are loaded at the first request.
    for _ in 0..100 {
        probe().await;
    }
    let (began, cpu) = (clock.now(), cpu_seconds());
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (probe, until, clock_of_worker) = (probe.clone(), began + RATE_FOR, clock.clone());
            clock.spawn(async move {
                let (mut good, mut failed) = (0_u64, 0_u64);
                while clock_of_worker.now() < until {
                    *if probe().await { &mut good } else { &mut failed } += 1;
                }
                (good, failed)
            })
        })
        .collect();
    let (mut good, mut failed) = (0, 0);
    for worker in workers {
        let counts = worker.await?;
        good += counts.0;
        failed += counts.1;
    }
    let (wall, cpu) = (clock.now().since(began).as_secs_f64(), cpu_seconds() - cpu);
    let good = good as f64;
    Ok(format!("{:.0} a CPU-second, {:.0} a second, {failed} failed", good / cpu, good / wall))
}

/// A probe a second for each target, and how late each began.
async fn punctuality(cx: &Context, network: &Arc<dyn Network>, http: &HttpRequest, out: &mut impl Write) -> Result<()> {
    let clock = &cx.clock;
    let late = Arc::new(Mutex::new(Vec::new()));
    let cpu = cpu_seconds();
    let targets: Vec<_> = (0..TARGETS)
        .map(|target| {
            let first = clock.now() + Span::from_millis(100 + target * 1000 / TARGETS);
            let ticks = Ticks { first, every: Span::from_secs(1) };
            let (cx, network, http, late) = (cx.clone(), network.clone(), http.clone(), late.clone());
            clock.spawn(async move {
                for round in 0..ROUNDS {
                    cx.clock.sleep_until(ticks.at(round)).await;
                    let lateness = cx.clock.now().since(ticks.at(round));
                    let exchange = network.http(&cx, &http).await;
                    if let (Ok(_), Ok(mut late)) = (exchange.result, late.lock()) {
                        late.push(lateness);
                    }
                }
            })
        })
        .collect();
    for target in targets {
        target.await?;
    }
    let cpu = (cpu_seconds() - cpu) / ROUNDS as f64;
    let late = std::mem::take(&mut *late.lock().map_err(|_| "a target panicked")?);
    writeln!(out, "{TARGETS} targets at 1 s: {}", told(late, cpu))?;
    Ok(())
}

/// How late starts were.
fn told(mut late: Vec<Span>, cpu: f64) -> String {
    late.sort_unstable();
    let at = |share: usize| late.get(late.len() * share / 1000).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    format!(
        "{} of {} answered, starts late by p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms; {:.0} ms of CPU a second; {}",
        late.len(),
        TARGETS * ROUNDS,
        at(500),
        at(990),
        at(999),
        cpu * 1000.0,
        peak_memory()
    )
}

/// The real network, with a note of when each request began that was answered.
struct Noted {
    inner: Arc<dyn Network>,
    starts: Mutex<Vec<(Arc<str>, Moment)>>,
}

#[async_trait::async_trait]
impl Network for Noted {
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let start = cx.clock.now();
        let exchange = self.inner.http(cx, request).await;
        if let (true, Ok(mut starts)) = (exchange.result.is_ok(), self.starts.lock()) {
            starts.push((request.url.clone(), start));
        }
        exchange
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String> {
        self.inner.tcp(cx, request).await
    }

    fn vantage(&self) -> String {
        self.inner.vantage()
    }
}

/// The targets as services of a drill, watched as the engine watches them.
async fn watched(cx: &Context, network: &Arc<dyn Network>, port: u16, out: &mut impl Write) -> Result<()> {
    let noted = Arc::new(Noted { inner: network.clone(), starts: Mutex::new(Vec::new()) });
    let plan = Arc::new(plan_of_services(port)?);
    let (sink, mut inbox) = Sink::new();
    let setup = WatchSetup {
        plan: plan.clone(),
        resources: only_network(noted.clone()),
        run: cx.run.clone(),
        clock: cx.clock.clone(),
        fencing: 0,
        sink,
        pace: Pace::Plain,
        addresses: Addresses::new(),
        since: cx.clock.now(),
    };
    let cpu = cpu_seconds();
    let watch = Watch::start(setup);
    // The first sample of each tells when it was due; from there on one is due each second.
    let mut due: BTreeMap<String, Moment> = BTreeMap::new();
    let mut events = 0;
    let listening = async {
        while let Some(message) = inbox.recv().await {
            for event in message.events {
                events += 1;
                if let Event::Sampled { probe, last: None, first } = event {
                    due.insert(probe.to_string(), first.scheduled);
                }
            }
        }
    };
    let _ = cx.clock.timeout(Span::from_secs(ROUNDS), listening).await;
    let cpu = (cpu_seconds() - cpu) / ROUNDS as f64;
    let urls: BTreeMap<String, Moment> = plan
        .services
        .iter()
        .filter_map(|service| match &service.probe.probe {
            Probe::Http(http) => Some((http.url.clone(), *due.get(service.probe.id.as_str())?)),
            _ => None,
        })
        .collect();
    let starts = std::mem::take(&mut *noted.starts.lock().map_err(|_| "a probe panicked")?);
    let late: Vec<Span> = starts
        .iter()
        .filter_map(|(url, start)| Some(Span(start.since(*urls.get(&**url)?).0 % 1_000_000_000)))
        .collect();
    let apart: BTreeSet<Moment> = urls.values().copied().collect();
    writeln!(
        out,
        "watched by the engine: {}; {} different first ticks, {events} events",
        told(late, cpu),
        apart.len()
    )?;
    drop(watch);
    Ok(())
}

/// A playbook with a service for each target.
fn plan_of_services(port: u16) -> Result<muster::model::Plan> {
    let mut playbook = String::from(
        "muster: 1\nname: targets\ntitle: A thousand targets\nowner: benchmarks\ninfrastructure: lab.yaml\n\
         mode: planned\nservices:\n",
    );
    for target in 0..TARGETS {
        writeln!(
            playbook,
            "  t{target}: {{ title: Target {target}, depends_on: [], probe: {{ http: \"http://127.0.0.1:{port}/{target}\", \
             expect: {{ status: 200 }}, every: 1s }} }}"
        )?;
    }
    playbook.push_str("phases: [{ name: failover, steps: [{ id: nothing, wait: { for: 0s } }] }]\n");
    let lab = "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: here }, secondary: { name: there } }\n\
               resources: {}\n";
    let loaded = muster::plan::load(&LoadInput {
        playbook_path: "targets.yaml",
        playbook: playbook.as_bytes(),
        infrastructure_path: None,
        mode: None,
        vars: &[],
        reality: Reality::AsBound,
        checked: Checked::InItsMode,
        read: &|_| Ok(lab.as_bytes().to_vec()),
        calibration: &muster::plan::uncalibrated,
    });
    let first = loaded.diagnostics.first().map_or(String::new(), |diagnostic| format!("{diagnostic:?}"));
    Ok(loaded.plan.ok_or(first)?)
}

fn only_network(network: Arc<dyn Network>) -> Resources {
    Resources {
        dns: BTreeMap::new(),
        databases: BTreeMap::new(),
        computes: BTreeMap::new(),
        storages: BTreeMap::new(),
        backups: BTreeMap::new(),
        regions: BTreeMap::new(),
        network,
        processes: Arc::new(RealProcesses::default()),
        people: Arc::new(NobodyPeople),
    }
}

/// `true`, one after another.
async fn programs(cx: &Context, out: &mut impl Write) -> Result<()> {
    let command = CommandLine {
        argv: vec!["true".to_owned()],
        env: Vec::new(),
        folder: None,
        timeout: Span::from_secs(60),
        output_limit: 1024,
        input: None,
    };
    let began = cx.clock.now();
    for _ in 0..PROGRAMS {
        RealProcesses::default().run(cx, &command).await?;
    }
    let each = cx.clock.now().since(began).as_secs_f64() * 1e6 / f64::from(PROGRAMS);
    writeln!(out, "`true`, run {PROGRAMS} times: {each:.0} us each")?;
    Ok(())
}

/// User and system time of this process alone.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The most memory that was ever held, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown");
    format!("peak memory {}", peak.trim())
}
