//! Whether a run may still act: asked before each act and each undo, whatever the run believes.
//!
//! A process can be stopped, or its machine put to sleep, for longer than its lease lasts; when it goes on, somebody
//! else may be at work on the same things. Only the store knows.

/// Says whether a run's leases are still its own.
pub trait Fence: Send + Sync {
    /// Asked on the run's own thread, before every act: it must be quick, and may wait for the store only where the
    /// lease was not renewed for too long.
    ///
    /// # Errors
    /// Who has them now, or why that can't be told: the act must not be begun.
    fn check(&self) -> Result<(), String>;
}

/// For runs that change nothing real and hold no lease.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unfenced;

impl Fence for Unfenced {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
