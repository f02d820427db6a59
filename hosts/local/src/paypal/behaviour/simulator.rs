//! The simulator's methods for behaviours.

use super::{Behaviour, BehaviourError, BehaviourRecord};
use crate::paypal::simulator::{Simulator, lock};

impl Simulator {
    /// Puts a behaviour into force, beside those that are. The default is to have none.
    ///
    /// # Errors
    /// The behaviour could never happen.
    pub fn set_behaviour(&self, behaviour: Behaviour) -> Result<(), BehaviourError> {
        lock(&self.inner.rules).add(behaviour, self.inner.clock.now())
    }

    /// Ends all behaviours. Outcomes that were planned before still happen.
    pub fn reset_behaviour(&self) {
        lock(&self.inner.rules).clear();
    }

    /// The behaviours in force, in the order in which they were set.
    #[must_use]
    pub fn behaviour(&self) -> Vec<BehaviourRecord> {
        lock(&self.inner.rules).records(self.inner.clock.now())
    }
}
