//! CDI devices of a command.

use gantry_api_types::DeviceRequest;

use crate::Builder;

impl Builder {
    /// What asks the engine for these devices, each with whether the command cannot do without it.
    pub(crate) fn device_requests<'a>(
        &self,
        wanted: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Option<Vec<DeviceRequest>> {
        let mut devices = Vec::new();
        for (name, required) in wanted {
            let found = self.engine.system.described_devices(name);
            if found.is_empty() && required {
                // The engine says that it is missing.
                devices.push(name.to_owned());
            }
            devices.extend(found);
        }
        (!devices.is_empty()).then(|| {
            vec![DeviceRequest {
                driver: "cdi".to_owned(),
                device_ids: Some(devices),
                ..DeviceRequest::default()
            }]
        })
    }
}
