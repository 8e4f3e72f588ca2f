//! An application server: reads and writes its region's PostgreSQL, which it finds by name, and says truthfully
//! whether it can.
//!
//! `GET /healthz` is 200 only if a query was answered by a database that takes writes; `GET /healthz/write` only if a
//! row was written and committed, and the gate before the region's repositories lets pushes in; `GET /readyz` only if it could
//! serve once its region is promoted: its database answers, and its git server too. `POST /items CLIENT N` writes a row,
//! `GET /items/CLIENT` says how many there are of a client and which is the last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};

use crate::Result;
use crate::http::{self, Answer, answer};
use crate::names;
use crate::world::{APP_USER, DATABASE, Lab, Role, database_name};

/// A query that takes longer has failed.
const QUERY_WITHIN: Duration = Duration::from_millis(1500);
/// Connections to the database that wait for their next use.
const KEPT: usize = 4;

/// What a server needs to answer.
struct App {
    lab: Lab,
    region: Role,
    name: String,
    idle: Mutex<Vec<Client>>,
}

/// Serves until it is ended.
pub(crate) async fn run(lab: Lab, region: Role, server: u32) -> Result<()> {
    let name = format!("{region}-app-{server}");
    let at = SocketAddr::new(region.address(), lab.ports.app);
    // Its own door: how a server is asked by itself, and not whichever of the group is next.
    let own = http::listen(SocketAddr::new(region.address(), 0))?;
    let port = own.local_addr().map_err(|error| error.to_string())?.port();
    let written = std::fs::write(lab.of(region, &format!("{name}.port")), port.to_string());
    written.map_err(|error| format!("{name}: {error}"))?;
    let shared = http::listen(at)?;
    let app = Arc::new(App { lab, region, name, idle: Mutex::default() });
    let handle = move |request| {
        let app = Arc::clone(&app);
        async move { app.answer(request).await }
    };
    let (one, two) = tokio::join!(http::serve(shared, handle.clone()), http::serve(own, handle));
    one.and(two)
}

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let said = match (request.method(), path.as_str()) {
            (&Method::GET, "/alive") => Ok(format!("{} is alive", self.name)),
            (&Method::GET, "/healthz") => self.health().await,
            (&Method::GET, "/healthz/write") => self.write_health().await,
            (&Method::GET, "/readyz") => self.ready().await,
            (&Method::POST, "/items") => match http::body(request).await {
                Ok(body) => self.write(&String::from_utf8_lossy(&body)).await,
                Err(why) => Err(why),
            },
            (&Method::GET, path) => match path.strip_prefix("/items/") {
                Some(client) => self.read(client).await,
                None => return answer(StatusCode::NOT_FOUND, "there is nothing here"),
            },
            _ => return answer(StatusCode::NOT_FOUND, "there is nothing here"),
        };
        match said {
            Ok(text) => answer(StatusCode::OK, text),
            Err(why) => answer(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }

    /// Runs a query on a connection, which is kept for the next one only if that went well.
    async fn query<T, F>(&self, with: impl FnOnce(Client) -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<(Client, T), tokio_postgres::Error>>,
    {
        let asked = async {
            let kept = self.idle.lock().await.pop().filter(|client| !client.is_closed());
            let client = match kept {
                Some(client) => client,
                None => self.connect().await?,
            };
            with(client).await.map_err(|error| said(&error))
        };
        let (client, value) = timeout(QUERY_WITHIN, asked)
            .await
            .map_err(|_| format!("the database gave no answer within {QUERY_WITHIN:?}"))??;
        let mut idle = self.idle.lock().await;
        if idle.len() < KEPT {
            idle.push(client);
        }
        Ok(value)
    }

    /// A new connection; the name is resolved each time, as users' resolver says.
    async fn connect(&self) -> Result<Client> {
        let (resolver, name) = (self.lab.resolver(), database_name(self.region));
        let asked = name.clone();
        let found = tokio::task::spawn_blocking(move || names::ask(resolver, &asked, Duration::from_secs(1)));
        let (addresses, _) = found.await.map_err(|error| error.to_string())??;
        let address = addresses.first().ok_or_else(|| format!("{name} has no address"))?;
        let mut config = Config::new();
        config.host(name).hostaddr(*address).port(self.lab.ports.postgres).user(APP_USER).dbname(DATABASE);
        config.password(&self.lab.app_password).application_name(&self.name).connect_timeout(QUERY_WITHIN);
        let (client, connection) = config.connect(NoTls).await.map_err(|error| said(&error))?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The database answers, and takes writes.
    async fn health(&self) -> Result<String> {
        let question = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, \
                        (SELECT count(*) FROM (SELECT 1 FROM items LIMIT 1) one)";
        let refuses: bool = self
            .query(async |client| {
                let row = client.query_one(question, &[]).await?;
                Ok((client, row.get(0)))
            })
            .await?;
        if refuses {
            return Err("the database answers and takes no writes: this region does not serve".to_owned());
        }
        Ok(format!("ok, {}", self.name))
    }

    /// A row was written, and the gate before the repositories lets pushes in.
    async fn write_health(&self) -> Result<String> {
        let statement = "INSERT INTO health VALUES ($1, clock_timestamp()) \
                         ON CONFLICT (server) DO UPDATE SET seen = excluded.seen";
        let name = &self.name;
        self.query(async |client| {
            client.execute(statement, &[name]).await?;
            Ok((client, ()))
        })
        .await?;
        let git = SocketAddr::new(self.region.address(), self.lab.ports.git);
        let (status, said) = http::ask(git, "git", "GET /takes-pushes", "", QUERY_WITHIN).await?;
        if status != 200 {
            return Err(format!("the repositories: {said}"));
        }
        Ok(format!("ok, {name}"))
    }

    /// It could serve once its region is promoted.
    async fn ready(&self) -> Result<String> {
        self.query(async |client| {
            client.query_one("SELECT count(*) FROM (SELECT 1 FROM items LIMIT 1) one", &[]).await?;
            Ok((client, ()))
        })
        .await?;
        let git = SocketAddr::new(self.region.address(), self.lab.ports.git);
        let (status, said) = http::ask(git, "git", "GET /alive", "", QUERY_WITHIN).await?;
        if status == 200 { Ok(format!("ready, {}", self.name)) } else { Err(format!("the git server: {said}")) }
    }

    /// `CLIENT N`: writes a row; a row that is there already was written by the same client before its answer got lost.
    async fn write(&self, body: &str) -> Result<String> {
        let parsed = body.trim().split_once(' ').and_then(|(client, n)| Some((client, n.parse::<i64>().ok()?)));
        let (client_name, n) = parsed.ok_or("expected a client's name and a number")?;
        let statement = "INSERT INTO items (client, n) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.query(async |client| {
            client.execute(statement, &[&client_name, &n]).await?;
            Ok((client, ()))
        })
        .await?;
        Ok(format!("written {n}"))
    }

    async fn read(&self, client_name: &str) -> Result<String> {
        let question = "SELECT count(*), coalesce(max(n), -1) FROM items WHERE client = $1";
        self.query(async |client| {
            let row = client.query_one(question, &[&client_name]).await?;
            let (count, last): (i64, i64) = (row.get(0), row.get(1));
            Ok((client, format!("{count} rows, the last is {last}")))
        })
        .await
    }
}

/// An error in the server's own words.
fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("the database refuses: {} ({})", db.message(), db.code().code()),
        None => format!("the database: {error}"),
    }
}
