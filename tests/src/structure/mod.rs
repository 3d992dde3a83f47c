//! The architecture, checked: dependencies between crates point one way.

mod layers;
