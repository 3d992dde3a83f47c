//! A container's log as its settings ask for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use gantry_api_types::ContainerCreateRequest;
use gantry_log_drivers::{Driver, Files, Info};
use gantry_logs::Format;
use gantry_monitor::protocol::{LogConfig, LogFile};

use crate::containers::{Container, Record};
use crate::{Error, clock};

/// Where and how a container's output is logged.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) driver: Driver,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) files: Files,
    pub(crate) info: Info,
    /// The current file.
    pub(crate) path: PathBuf,
}

impl Log {
    pub(crate) fn format(&self) -> Format {
        if self.driver == Driver::JsonFile {
            Format::Json
        } else {
            Format::Local
        }
    }

    /// What the monitor is told; makes the folder of the files.
    pub(crate) fn for_monitor(&self) -> Result<LogConfig, Error> {
        if self.driver == Driver::None {
            return Ok(LogConfig::None);
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        let age = self.files.max_age.map_or(0, |age| age.as_nanos());
        Ok(LogConfig::File(LogFile {
            path: self.path.clone(),
            records: self.format() == Format::Local,
            attrs: self.attributes()?,
            max_size: self.files.max_size,
            max_files: self.files.max_files,
            max_age: u64::try_from(age).unwrap_or(u64::MAX),
        }))
    }

    /// What every line carries; a collector gets it from the driver instead.
    fn attributes(&self) -> Result<Vec<(String, String)>, Error> {
        if self.driver.forwards() {
            return Ok(Vec::new());
        }
        let mut attributes = self.info.attributes(&self.options, str::to_owned)?;
        let tag = self.info.tag(&self.options, "")?;
        if !tag.is_empty() {
            attributes.insert("tag".to_owned(), tag);
        }
        Ok(attributes.into_iter().collect())
    }
}

/// Refuses log options that make no sense for the container to be made.
pub(crate) fn check(
    request: &ContainerCreateRequest,
    image_id: String,
    id: &str,
    name: &str,
) -> Result<(), Error> {
    let config = &request.host_config.log_config;
    let driver: Driver = config.kind.parse()?;
    let options = config.config.clone().unwrap_or_default();
    let info = info(&request.config, id, name, image_id, clock::now_nanos());
    Ok(gantry_log_drivers::check(driver, &options, &info)?)
}

/// Refuses a log driver and options of the daemon's own settings that make no sense.
pub fn check_log_defaults(driver: &str, options: &BTreeMap<String, String>) -> Result<(), Error> {
    Ok(gantry_log_drivers::check(
        driver.parse()?,
        options,
        &Info::default(),
    )?)
}

/// The log of a container.
pub(crate) fn log_of(container: &Container) -> Result<Log, Error> {
    let record = container.record().clone();
    let config = &record.host_config.log_config;
    let driver: Driver = config.kind.parse()?;
    let options = config.config.clone().unwrap_or_default();
    let files = Files::of(driver, &options)?;
    let path = if driver == Driver::JsonFile {
        container.log_path()
    } else {
        container.state_dir.join("local-logs").join("container.log")
    };
    Ok(Log {
        info: Info {
            log_path: path.display().to_string(),
            ..info_of(&record)
        },
        driver,
        options,
        files,
        path,
    })
}

fn info_of(record: &Record) -> Info {
    let image = record.image_id.to_string();
    info(
        &record.config,
        &record.id,
        &record.name,
        image,
        record.created,
    )
}

fn info(
    config: &gantry_api_types::ContainerConfig,
    id: &str,
    name: &str,
    image_id: String,
    created: i64,
) -> Info {
    let words = |words: &Option<gantry_api_types::json::Words>| -> Vec<String> {
        words.as_ref().map(|w| w.to_vec()).unwrap_or_default()
    };
    let command = [words(&config.entrypoint), words(&config.cmd)].concat();
    Info {
        id: id.to_owned(),
        name: name.to_owned(),
        command: command.join(" "),
        image_id,
        image_name: config.image.clone(),
        created: clock::rfc3339(created),
        env: config.env.clone().unwrap_or_default(),
        labels: config.labels.clone().unwrap_or_default(),
        hostname: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        log_path: String::new(),
    }
}

impl From<gantry_log_drivers::Error> for Error {
    fn from(error: gantry_log_drivers::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}
