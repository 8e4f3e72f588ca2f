//! From a node to any type that serde can read, with all errors of the node.
//!
//! serde stops at the first error. So the error is noted, the offending value is taken out, and the node is decoded
//! again, until nothing is wrong any more. Taking out is a note beside the tree, so a round costs what reading costs.
//!
//! Why a reader of our own and not `serde_yaml`'s values with `serde_path_to_error`: those read enums only from tags,
//! which are not allowed here; their errors are sentences that would have to be taken apart again; and a path would have
//! to be walked to find the place that the reader stands at anyway.

mod error;
mod reader;
mod stand_in;

use super::MAX_PROBLEMS;
use super::node::Node;
use crate::diagnostic::Diagnostic;
use error::Problem;
use reader::Reader;
use serde::de::DeserializeOwned;
use stand_in::StandIn;
use std::collections::BTreeMap;

/// What differs from the tree while it is read. Nodes are told apart by their addresses, which stay while they are
/// borrowed.
#[derive(Default)]
struct Taken {
    /// Values that are taken out, each with the key that an unknown key was probably meant to be.
    values: BTreeMap<usize, Option<&'static str>>,
    /// What stands in for missing keys of a mapping.
    stand_ins: BTreeMap<usize, Vec<StandIn>>,
}

impl Taken {
    /// The key that the unknown key of a value was probably meant to be.
    fn meant(&self, value: &Node) -> Option<&'static str> {
        self.values.get(&address(value)).copied().flatten()
    }

    /// Takes out what is wrong, or lets something stand in for what is missing; false if that changes nothing.
    fn mend(&mut self, node: usize, problem: &Problem) -> bool {
        match problem {
            Problem::MissingKey(key) => {
                self.stand_ins.entry(node).or_default().push(StandIn::new(key));
                return true;
            }
            Problem::Unfit(key) => {
                let stand_ins = self.stand_ins.entry(node).or_default();
                if let Some(unfit) = stand_ins.iter_mut().find(|s| s.key == *key)
                    && let Some(next) = unfit.next()
                {
                    *unfit = next;
                    return true;
                }
            }
            _ => {}
        }
        self.stand_ins.remove(&node);
        self.values.insert(node, problem.meant()).is_none()
    }

    /// Takes the mappings out in which something stands in; false if there is none.
    fn drop_stand_ins(&mut self) -> bool {
        let stand_ins = std::mem::take(&mut self.stand_ins);
        self.values.extend(stand_ins.keys().map(|node| (*node, None)));
        !stand_ins.is_empty()
    }
}

/// Rounds of one call; more than problems, because an error may take out what surrounds it, level by level.
const MAX_ROUNDS: usize = 8 * MAX_PROBLEMS;

/// Decodes a node and notes everything that is wrong with it, in time proportional to its size and number of errors.
///
/// The result may be there beside errors: what was wrong and could be done without is left out of it. It serves to
/// find further problems; whoever acts on it must look at the diagnostics first.
pub fn decode<T: DeserializeOwned>(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    let mut taken = Taken::default();
    let mut found = Vec::new();
    let mut result = None;
    for _ in 0..MAX_ROUNDS {
        let failure = match T::deserialize(Reader::new(node, &taken)) {
            Ok(_) if taken.drop_stand_ins() => continue,
            Ok(value) => {
                result = Some(value);
                break;
            }
            Err(error) => error.at(node, &taken),
        };
        let Some(at) = failure.at else { break };
        if !taken.mend(at.taken, &failure.problem) {
            break;
        }
        if !matches!(failure.problem, Problem::Known | Problem::Unfit(_)) {
            if found.len() == MAX_PROBLEMS {
                let message = format!("there are more than {MAX_PROBLEMS} problems in this part");
                found.push(
                    Diagnostic::error("M014", message).at(node.place()).help("mend the first ones and try again"),
                );
                break;
            }
            found.push(failure.problem.diagnostic().at(at.place));
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
    node.is_broken() || (!taken.values.is_empty() && taken.values.contains_key(&address(node)))
}
