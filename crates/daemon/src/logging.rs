//! The daemon's own log: text or JSON, on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Changes what is logged.
pub(crate) struct Level(Box<dyn Fn(&str) + Send + Sync>);

impl Level {
    /// Logs from this level on.
    pub(crate) fn set(&self, level: &str) {
        (self.0)(level);
    }
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!(
        "{level},hyper=warn,h2=warn,reqwest=warn,rustls=warn,hickory_proto=warn"
    ))
}

/// Begins to log.
pub(crate) fn start(level: &str, json: bool) -> Level {
    let (filter, handle) = reload::Layer::new(filter(level));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    if json {
        registry.with(lines.json().flatten_event(true)).init();
    } else {
        registry.with(lines).init();
    }
    Level(Box::new(move |level| {
        if let Err(e) = handle.reload(self::filter(level)) {
            tracing::warn!("cannot change the log's level: {e}");
        }
    }))
}
