//! `playbook`: inlined by the plan, so that nothing is left to do here.

use async_trait::async_trait;

use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Evidence, NestedPlaybook};
use crate::resource::Context;

#[async_trait]
impl Perform for NestedPlaybook {
    async fn apply(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        Err(ActError::refused(format!(
            "the steps of {} are not in the plan in its place: this is a defect in Muster, please report it",
            self.file
        )))
    }

    async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
        Achieved::No("its steps are steps of the plan".to_owned())
    }

    async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        Ok(Evidence::new())
    }
}
