//! Drills on AWS, as moto and ministack are it: real HTTP by the real SDK on loopback, and what became of it read back with
//! the services' own API by plain HTTP.

mod cloud;
mod backups;
mod databases;
mod engine;
mod lost;
mod names;
mod quarterly;
mod records;
mod rejoined;
mod servers;
mod settings;
mod wire;

use std::fmt::Write as _;

use cloud::Cloud;

use crate::harness::Scene;

/// A run of the real thing in planned mode.
const REAL: &str = "--execute --mode planned --yes";

/// An infrastructure file whose regions are a cloud's.
struct Setup {
    /// Where each region is found.
    ports: [u16; 2],
    account: String,
    resources: String,
    regions: [String; 2],
    endpoints: String,
    /// What the regions are called at AWS.
    names: [&'static str; 2],
}

impl Setup {
    fn of(cloud: &Cloud) -> Self {
        Self {
            ports: [cloud.port; 2],
            account: "123456789012".to_owned(),
            resources: String::new(),
            regions: [String::new(), String::new()],
            endpoints: String::new(),
            names: ["us-east-1", "us-west-2"],
        }
    }

    fn account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    fn resource(mut self, text: &str) -> Self {
        self.resources.push_str(text);
        self
    }

    /// More settings of the regions, as they stand within braces.
    fn regions(mut self, primary: &str, secondary: &str) -> Self {
        self.regions = [primary.to_owned(), secondary.to_owned()];
        self
    }

    fn text(&self) -> String {
        let mut text = "muster: 1\nname: cloud\nenvironment: lab\nregions:\n".to_owned();
        let regions = ["primary", "secondary"].into_iter().zip(self.names).zip(self.ports).zip(&self.regions);
        for (((role, name), port), more) in regions {
            writeln!(
                text,
                "  {role}: {{ name: {name}, provider: aws, account: \"{}\", endpoint: \"http://127.0.0.1:{port}\", timeout: 2s{}{more} }}",
                self.account, self.endpoints
            )
            .unwrap();
        }
        text.push_str("resources:\n");
        text.push_str(&self.resources);
        text
    }

    /// A scene with it in `infra.yaml`, and credentials that moto takes.
    fn scene(&self) -> Scene {
        let scene = self.scene_of_nobody();
        scene.env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
    }

    /// The same without credentials in the environment.
    fn scene_of_nobody(&self) -> Scene {
        Scene::new()
            .file("infra.yaml", &self.text())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("ENGINE_PASSWORD", "password-of-the-test")
    }
}
