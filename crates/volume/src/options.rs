//! Options of the local driver: `type`, `device`, `o` and `size`.

use std::collections::BTreeMap;

/// What the options of a volume mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// A file system's type; `none` with `o=bind`.
    pub kind: String,
    /// What is mounted.
    pub device: String,
    /// Mount options, separated by commas.
    pub words: String,
    /// The most bytes that the volume may hold; 0 is no limit.
    pub size: u64,
}

impl Options {
    /// Reads and checks them; the error says what is wrong in Docker's words.
    pub fn parse(given: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut options = Self::default();
        for (key, value) in given {
            match key.as_str() {
                "type" => options.kind.clone_from(value),
                "device" => options.device.clone_from(value),
                "o" => options.words.clone_from(value),
                "size" => {
                    let bytes = gantry_units::parse_ram(value).map_err(|e| e.to_string())?;
                    options.size = u64::try_from(bytes)
                        .map_err(|_| format!("invalid size: '{value}' is negative"))?;
                }
                other => return Err(format!("invalid option: \"{other}\"")),
            }
        }
        let needed: [(&str, &[&str]); 3] = [
            ("device", &["type"]),
            ("type", &["device"]),
            ("o", &["device", "type"]),
        ];
        for (key, others) in needed {
            for other in others {
                if given.contains_key(key) && !given.contains_key(*other) {
                    return Err(format!("missing required option: \"{other}\""));
                }
            }
        }
        if options.size > 0 && options.needs_mount() {
            return Err(
                "a size is kept for data that are here; leave out size, or type, device and o"
                    .to_owned(),
            );
        }
        Ok(options)
    }

    /// Whether the data are on a mount of their own.
    pub fn needs_mount(&self) -> bool {
        !self.kind.is_empty() || !self.device.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Options, String> {
        let given = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Options::parse(&given.collect())
    }

    #[test]
    fn dockers_rules_and_words() {
        let tmpfs = parse(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m")]).unwrap();
        assert!(tmpfs.needs_mount());
        assert_eq!(parse(&[("size", "1g")]).unwrap().size, 1 << 30);
        assert!(!parse(&[]).unwrap().needs_mount());
        let refuse = |pairs: &[(&str, &str)]| parse(pairs).unwrap_err();
        assert_eq!(refuse(&[("color", "red")]), "invalid option: \"color\"");
        assert_eq!(
            refuse(&[("type", "nfs")]),
            "missing required option: \"device\""
        );
        assert_eq!(
            refuse(&[("o", "ro")]),
            "missing required option: \"device\""
        );
        assert!(refuse(&[("size", "much")]).contains("much"));
    }
}
