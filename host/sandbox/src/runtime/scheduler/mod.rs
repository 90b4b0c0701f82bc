//! The scheduler: the fast lane and the slow lane for guests.
//!
//! A guest starts in the fast lane: on the thread that read its request, so that nothing stands between the request and
//! the answer. A guest that keeps this thread busy for two ticks of the epoch, or for ten ticks in many small pieces, moves
//! to the slow lane. The slow lane has threads of its own with a low priority, so that other requests are not delayed.
//!
//! - [`execution`] runs a guest and moves it.
//! - [`meter`] counts its CPU time and decides at each tick; [`clock`] measures.
//! - [`slow_lane`] has the threads.

mod clock;
pub(crate) mod execution;
pub(crate) mod meter;
pub(crate) mod slow_lane;
