//! The product's own programs, as processes that can be killed, stopped and frozen.

mod installation;
mod program;

pub use installation::{Builder, Installation};
pub use program::{Program, Signal, Start, send_signal};
