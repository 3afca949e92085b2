//! What the miner finds in homes with planted habits, and that it finds nothing where there is nothing.

mod home;
mod lives;
mod machines;
mod nights;
mod nothing;
mod odd;
mod planted;
mod seldom;
mod steps;
mod today;
mod undone;
