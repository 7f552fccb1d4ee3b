//! The room's model as the checker sees it.

use stateright::{Model, Property};

use crate::{action::Action, bounds::Bounds, property, world::World};

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(self)]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        state.actions(self, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        last.after(action, self)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let all = if self.faults.restores.is_some() { property::restored() } else { property::all() };
        all.into_iter().filter(|property| self.only.is_none_or(|only| property.name == only)).collect()
    }

    fn within_boundary(&self, state: &World) -> bool {
        // Without a mistake there is no end but that of what the apps ask for, and of the faults.
        let most = 3 * self.entries();
        self.mutation.is_none() || state.devices.iter().all(|device| device.made.len() <= most)
    }
}
