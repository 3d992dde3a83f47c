//! `RUN --device`.

use gantry_units::csv_fields;

use super::mount::truth;
use crate::error::Problem;
use crate::suggest::nearest;

/// A device that a command asks for, by its CDI name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceRequest {
    /// `vendor/class=name`, or a class, or nothing.
    pub name: String,
    /// Whether the build fails without it.
    pub required: bool,
}

impl DeviceRequest {
    /// Reads `NAME[,required]` or `name=NAME,required=true`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let fields = csv_fields(text).map_err(|_| Problem::Csv("devices"))?;
        let mut device = Self::default();
        for field in fields {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key.to_lowercase(), Some(value)),
                None => (field.to_lowercase(), None),
            };
            match (key.as_str(), value) {
                ("required", None) => device.required = true,
                ("required", Some(value)) => device.required = truth(&key, value)?,
                ("name", Some(_)) if !device.name.is_empty() => {
                    return Err(Problem::DeviceTwice(device.name));
                }
                ("name", Some(value)) => value.clone_into(&mut device.name),
                _ if device.name.is_empty() => device.name = field,
                (_, None) => return Err(Problem::FieldValue(field)),
                (_, Some(_)) => {
                    let suggestion = nearest(&key, ["name", "required"], true);
                    return Err(Problem::FieldKey {
                        key,
                        field,
                        suggestion,
                    });
                }
            }
        }
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_or_without_a_key() {
        let parse = |text| DeviceRequest::parse(text).expect(text);
        assert_eq!(parse("vendor.com/gpu=all").name, "vendor.com/gpu=all");
        let device = parse("name=vendor.com/gpu,required");
        assert!(device.required && device.name == "vendor.com/gpu");
        assert!(DeviceRequest::parse("a,b=c").is_err());
        assert!(DeviceRequest::parse("a,name=b").is_err());
    }
}
