//! What the miner finds in homes with planted habits, and that it finds nothing where there is nothing.

mod home;
mod nights;
mod nothing;
mod planted;
mod today;
