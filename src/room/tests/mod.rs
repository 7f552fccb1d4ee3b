//! Rooms as a whole: a hub and devices around one log, and everything that somebody could do to them.

mod authority;
mod bytes;
mod external;
mod forbidden;
mod founding;
mod ghosts;
mod joining;
mod key_packages;
mod life;
mod log;
mod log_faults;
mod matrix;
mod races;
mod rights;
mod shown;
mod state;
mod submissions;
mod vectors;
mod world;

use world::World;
