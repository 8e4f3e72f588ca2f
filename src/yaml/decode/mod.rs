//! From a node to any type that serde can read, with all errors of the node.
//!
//! serde stops at the first error. So the error is noted, the offending value is taken out, and the node is decoded
//! again, until nothing is wrong any more. Taking out is a note beside the tree, so a round costs what reading costs.

mod error;
mod reader;

use super::MAX_PROBLEMS;
use super::node::Node;
use crate::diagnostic::Diagnostic;
use error::Problem;
use reader::Reader;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Values that are taken out, by the address of their node (which stays where it is while it is borrowed), each with
/// the key that an unknown key was probably meant to be.
type Taken = BTreeMap<usize, Option<&'static str>>;

/// Rounds of one call; more than problems, because an error may take out what surrounds it, level by level.
const MAX_ROUNDS: usize = 4 * MAX_PROBLEMS;

/// Decodes a node and notes everything that is wrong with it, in time proportional to its size and number of errors.
///
/// The result may be there beside errors: what was wrong and could be done without is left out of it. It serves to
/// find further problems; whoever acts on it must look at the diagnostics first.
pub fn decode<T: DeserializeOwned>(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    let mut taken = Taken::new();
    let mut found = Vec::new();
    let mut result = None;
    for _ in 0..MAX_ROUNDS {
        let error = match T::deserialize(Reader::new(node, &taken)) {
            Ok(value) => {
                result = Some(value);
                break;
            }
            Err(error) => error.at(node, &taken),
        };
        let Some(at) = error.at else { break };
        if taken.insert(at.taken, error.problem.meant()).is_some() {
            break;
        }
        if !matches!(error.problem, Problem::Known) {
            if found.len() == MAX_PROBLEMS {
                let message = format!("there are more than {MAX_PROBLEMS} problems in this part");
                found.push(Diagnostic::error("M014", message).at(node.place()).help("mend the first ones and try again"));
                break;
            }
            found.push(error.problem.diagnostic().at(at.place));
        }
    }
    // Rounds find missing keys after what is inside of the mapping; people read from top to bottom.
    crate::diagnostic::sort_by_place(&mut found);
    diagnostics.append(&mut found);
    result
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

/// Whether a node is taken out, or was broken from the start.
fn is_out(node: &Node, taken: &Taken) -> bool {
    node.is_broken() || (!taken.is_empty() && taken.contains_key(&address(node)))
}
