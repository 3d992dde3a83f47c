//! Durations for people.

use std::time::Duration;

/// Says about how long something is, as Docker does: `About a minute`, `3 weeks`.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    // Docker rounds hours, and only those.
    let hours = (duration.as_secs_f64() / 3600.0 + 0.5) as u64;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., 2..48) => format!("{hours} hours"),
        (.., 48..336) => format!("{} days", hours / 24),
        (.., 336..1440) => format!("{} weeks", hours / 24 / 7),
        (.., 1440..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_docker_says() {
        let say = |seconds: u64| human_duration(Duration::from_secs(seconds));
        let (minute, hour, day) = (60, 3600, 86_400);
        assert_eq!(
            human_duration(Duration::from_millis(450)),
            "Less than a second"
        );
        assert_eq!(say(1), "1 second");
        assert_eq!(say(45), "45 seconds");
        assert_eq!(say(60), "About a minute");
        assert_eq!(say(3 * minute + 40), "3 minutes");
        assert_eq!(say(59 * minute), "59 minutes");
        assert_eq!(say(hour), "About an hour");
        assert_eq!(say(hour + 45 * minute), "2 hours");
        assert_eq!(say(47 * hour), "47 hours");
        assert_eq!(say(2 * day), "2 days");
        assert_eq!(say(13 * day + 5 * hour), "13 days");
        assert_eq!(say(15 * day), "2 weeks");
        assert_eq!(say(60 * day), "2 months");
        assert_eq!(say(3 * 365 * day), "3 years");
    }
}
