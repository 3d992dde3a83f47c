//! What a user types, through the stock `docker` client and through ours, on one daemon.

mod files;
mod images;
mod isolation;
mod life;
mod run;
mod streams;
mod volumes;
mod web;
