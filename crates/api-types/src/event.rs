//! Events.

use std::collections::BTreeMap;

use crate::json::body;

body! {
    /// What an event is about.
    pub struct EventActor {
        /// Container id, image name, ...
        id: String => "ID",
        /// Its name, image, labels, exit code ...
        attributes: BTreeMap<String, String> => "Attributes",
    }

    /// `GET /events`, one line.
    pub struct Event {
        /// As `action`; for containers and images only, gone after 1.51.
        status: String => "status" omitempty,
        /// As the actor's id; for containers and images only, gone after 1.51.
        id: String => "id" omitempty,
        /// The image; for containers only, gone after 1.51.
        from: String => "from" omitempty,
        /// `container`, `image`, `network`, `volume`, `daemon`, ...
        kind: String => "Type",
        /// `create`, `start`, `die`, `exec_start: sh`, ...
        action: String => "Action",
        /// What it is about.
        actor: EventActor => "Actor",
        /// `local`.
        scope: String => "scope" omitempty,
        /// Unix seconds.
        time: i64 => "time" omitempty,
        /// Unix nanoseconds.
        time_nano: i64 => "timeNano" omitempty,
    }
}
