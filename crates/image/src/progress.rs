//! What a pull or a load tells while it works.

/// Takes reports; called from several threads, and must not block.
pub trait Progress: Send + Sync {
    /// Takes one report.
    fn report(&self, event: Event<'_>);
}

/// Where reports go when nobody looks.
impl Progress for () {
    fn report(&self, _: Event<'_>) {}
}

impl<F: Fn(Event<'_>) + Send + Sync> Progress for F {
    fn report(&self, event: Event<'_>) {
        self(event);
    }
}

/// One report. [`Event::status`] has Docker's words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A line about the whole, such as `Digest: sha256:…`, under an optional label.
    Status {
        /// What stands before the colon: the tag, in the first line of a pull.
        id: Option<&'a str>,
        /// The text.
        text: String,
    },
    /// Something happened to a layer.
    Layer {
        /// Twelve hex digits.
        id: &'a str,
        /// What happened.
        step: Step,
    },
    /// The registry has taken a layer over from another of its repositories.
    LayerMounted {
        /// Twelve hex digits.
        id: &'a str,
        /// The repository.
        from: &'a str,
    },
    /// A line of free output, with its newline: `Loaded image: x:y`.
    Output(String),
}

/// What happens to a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is needed and not here.
    PullingFsLayer,
    /// Others are downloaded first.
    Waiting,
    /// Bytes of the compressed layer that have arrived.
    Downloading {
        /// So far.
        current: u64,
        /// In all.
        total: u64,
    },
    /// All bytes have arrived.
    VerifyingChecksum,
    /// The bytes are the right ones.
    DownloadComplete,
    /// Bytes of the compressed layer that have been decoded and stored.
    Extracting {
        /// So far.
        current: u64,
        /// In all.
        total: u64,
    },
    /// The layer is stored and verified.
    PullComplete,
    /// The layer was here.
    AlreadyExists,
    /// The download broke and will go on from where it was.
    Retrying {
        /// Until then.
        seconds: u64,
    },
    /// It is to be pushed.
    Preparing,
    /// Bytes of the compressed layer that the registry has got.
    Pushing {
        /// So far.
        current: u64,
        /// In all.
        total: u64,
    },
    /// The registry has all of it.
    Pushed,
    /// The registry had it.
    LayerExists,
    /// Bytes of a layer in an archive that have been stored.
    LoadingLayer {
        /// So far.
        current: u64,
        /// In all.
        total: u64,
    },
}

impl Step {
    /// Docker's words.
    pub fn status(self) -> String {
        match self {
            Self::PullingFsLayer => "Pulling fs layer".into(),
            Self::Waiting => "Waiting".into(),
            Self::Downloading { .. } => "Downloading".into(),
            Self::VerifyingChecksum => "Verifying Checksum".into(),
            Self::DownloadComplete => "Download complete".into(),
            Self::Extracting { .. } => "Extracting".into(),
            Self::PullComplete => "Pull complete".into(),
            Self::AlreadyExists => "Already exists".into(),
            Self::Retrying { seconds: 1 } => "Retrying in 1 second".into(),
            Self::Retrying { seconds } => format!("Retrying in {seconds} seconds"),
            Self::Preparing => "Preparing".into(),
            Self::Pushing { .. } => "Pushing".into(),
            Self::Pushed => "Pushed".into(),
            Self::LayerExists => "Layer already exists".into(),
            Self::LoadingLayer { .. } => "Loading layer".into(),
        }
    }

    /// Bytes done and bytes in all, for the steps that count.
    pub const fn counts(self) -> Option<(u64, u64)> {
        match self {
            Self::Downloading { current, total }
            | Self::Extracting { current, total }
            | Self::Pushing { current, total }
            | Self::LoadingLayer { current, total } => Some((current, total)),
            _ => None,
        }
    }
}
