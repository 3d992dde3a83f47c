//! Errors and progress lines.

use serde_json::Value;

use crate::json::body;

body! {
    /// The body of every error answer.
    pub struct ErrorMessage {
        /// What, which, why.
        message: String => "message",
    }

    /// How far something is.
    pub struct ProgressDetail {
        /// Bytes done.
        current: i64 => "current" omitempty,
        /// Bytes in all.
        total: i64 => "total" omitempty,
        /// Unix seconds.
        start: i64 => "start" omitempty,
        /// Do not print figures.
        hide_counts: bool => "hidecounts" omitempty,
        /// `B` if empty.
        units: String => "units" omitempty,
    }

    /// An error in a progress stream.
    pub struct ErrorDetail {
        /// HTTP-like code.
        code: i64 => "code" omitempty,
        /// Text.
        message: String => "message",
    }

    /// One line of a progress stream (pull, push, load, build).
    pub struct JsonMessage {
        /// Free output.
        stream: String => "stream" omitempty,
        /// What happens.
        status: String => "status" omitempty,
        /// Figures.
        progress_detail: Option<ProgressDetail> => "progressDetail" omitempty,
        /// Figures as text, for old clients.
        progress: String => "progress" omitempty,
        /// Layer, tag, ...
        id: String => "id" omitempty,
        /// The end of it.
        error_detail: Option<ErrorDetail> => "errorDetail" omitempty,
        /// As `error_detail.message`.
        error: String => "error" omitempty,
        /// Facts for programs.
        aux: Option<Value> => "aux" omitempty,
    }
}

impl JsonMessage {
    /// A line that says only what happens.
    pub fn status(status: impl Into<String>) -> Self {
        Self {
            status: status.into(),
            ..Self::default()
        }
    }

    /// A line about one layer or tag, without figures.
    pub fn step(id: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: status.into(),
            progress_detail: Some(ProgressDetail::default()),
            ..Self::default()
        }
    }

    /// A line about one layer, with bytes done and bytes in all (0 if unknown).
    pub fn progress(
        id: impl Into<String>,
        status: impl Into<String>,
        current: i64,
        total: i64,
    ) -> Self {
        Self {
            progress_detail: Some(ProgressDetail {
                current,
                total,
                ..ProgressDetail::default()
            }),
            ..Self::step(id, status)
        }
    }

    /// Free output.
    pub fn stream(text: impl Into<String>) -> Self {
        Self {
            stream: text.into(),
            ..Self::default()
        }
    }

    /// The last line of a stream that failed.
    pub fn failure(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            error_detail: Some(ErrorDetail {
                code: 0,
                message: message.clone(),
            }),
            error: message,
            ..Self::default()
        }
    }
}
