//! What vendors told by webhook and no sync has read since.
//!
//! A change is one row until a sync takes it up; told again after that it is a second row, for the sync that follows. So
//! what is told while a sync reads is read again afterwards, and a burst of notices makes one sync beside the active one.
//! Rows are written in one order, and one that is there already is not touched: notices do not wait for each other, but
//! for the moment in which two tell the same for the first time.

mod ended;
mod note;
mod take_up;

pub use ended::{Startable, forget_old_events, forget_others, settle_ended, startable};
pub use note::{ToldEvent, note};
pub use take_up::{Claimant, SINGLY_AT_MOST, take_up};
