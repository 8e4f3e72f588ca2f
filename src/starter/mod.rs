//! A playbook and an infrastructure file to start from: a few wishes become two commented texts.
//!
//! Wishes are checked first, each with what to write in its place; [`texts`] can't fail after that. Whether the texts
//! validate and pass is for the caller to see before anything is written. Pure; may rely on `id`, `catalogue`.

mod infrastructure;
mod playbook;
mod wishes;

pub use wishes::{Faulty, Provider, Record, Wishes, id_of};

/// Two texts, and the paths that they have in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The playbook's path.
    pub playbook_path: String,
    /// The playbook.
    pub playbook: String,
    /// The infrastructure file's path.
    pub infrastructure_path: String,
    /// The infrastructure file.
    pub infrastructure: String,
}

/// Both texts.
///
/// # Errors
/// The first wish that can't be fulfilled.
pub fn texts(wishes: &Wishes) -> Result<Texts, Faulty> {
    let records = wishes.checked()?;
    let environment = wishes.environment();
    let infrastructure_path = format!("infra/{environment}.yaml");
    Ok(Texts {
        playbook_path: format!("{}.yaml", wishes.name),
        playbook: playbook::text(wishes, &records, &infrastructure_path),
        infrastructure: infrastructure::text(wishes, &records),
        infrastructure_path,
    })
}

/// A text in YAML, in quotes: JSON's are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
