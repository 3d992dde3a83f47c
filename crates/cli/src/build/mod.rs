//! `gantry build`: what the options mean, and what becomes of the result.
//!
//! - [`flags`] is what can be typed.
//! - [`context`] finds what is built: a folder, standard input, an address.
//! - [`attributes`] are the options in the frontend's words; [`outputs`], [`secrets`] read their
//!   own grammars.
//! - [`run`] connects, opens the session, builds and ends; [`result`] and [`call`] print what came.
//! - [`display`] shows progress.
//! - [`classic`] builds by `POST /build`, where an engine has nothing newer.

pub(crate) mod attributes;
pub(crate) mod call;
mod classic;
pub(crate) mod context;
pub(crate) mod display;
pub(crate) mod flags;
mod logins;
pub(crate) mod outputs;
mod result;
pub(crate) mod run;
pub(crate) mod secrets;
