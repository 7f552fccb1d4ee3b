//! Places.

use core::fmt;

use super::strings;
use crate::{
    code::Code,
    error::{Result, ensure},
    limits,
    time::Timestamp,
    wire::{Wire, proto},
};

/// Degrees, in the unit of a location.
const DEGREES: i32 = 10_000_000;

/// A place on the earth (WGS 84), in whole numbers, so that everybody means the same one.
///
/// ```
/// use verbund::{content::Location, time::Timestamp};
///
/// // 53.5411° N, 9.9842° E, within 12 m
/// let pier = Location::at(535_411_000, 99_842_000)?
///     .within(1_200)?
///     .measured(Timestamp::from_millis(1_800_000_000_000))
///     .named("Pier 3")?;
/// assert_eq!(pier.accuracy(), Some(1_200));
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    latitude: i32,
    longitude: i32,
    accuracy: u32,
    measured_at: Timestamp,
    name: String,
}

impl Location {
    /// A place, in units of 10⁻⁷ degrees: north of the equator from −90° to 90°, east of
    /// Greenwich from above −180° to 180°.
    ///
    /// # Errors
    /// [`Code::BadArgument`] outside of these.
    pub fn at(latitude: i32, longitude: i32) -> Result<Self> {
        let there = (-90 * DEGREES..=90 * DEGREES).contains(&latitude)
            && (-180 * DEGREES + 1..=180 * DEGREES).contains(&longitude);
        ensure(there, Code::BadArgument, "location")?;
        let name = String::new();
        Ok(Location { latitude, longitude, accuracy: 0, measured_at: Timestamp::ZERO, name })
    }

    /// Within so many centimetres, with a probability of 68 %; 1 to [`limits::LOCATION_ACCURACY`].
    ///
    /// # Errors
    /// [`Code::BadArgument`] outside of these.
    pub fn within(mut self, centimetres: u32) -> Result<Self> {
        let good = (1..=limits::LOCATION_ACCURACY).contains(&centimetres);
        ensure(good, Code::BadArgument, "accuracy")?;
        self.accuracy = centimetres;
        Ok(self)
    }

    /// As measured at this time. Without it, it is a place that somebody chose.
    #[must_use]
    pub const fn measured(mut self, at: Timestamp) -> Self {
        self.measured_at = at;
        self
    }

    /// With what is there: at most [`limits::LOCATION_NAME`] bytes on one line.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is longer, or more than a line.
    pub fn named(mut self, name: impl Into<String>) -> Result<Self> {
        self.name = name.into();
        let good = self.name.len() <= limits::LOCATION_NAME && strings::is_line(&self.name);
        ensure(good, Code::BadArgument, "name of a location")?;
        Ok(self)
    }

    /// North of the equator, in 10⁻⁷ degrees.
    #[must_use]
    pub const fn latitude(&self) -> i32 {
        self.latitude
    }

    /// East of Greenwich, in 10⁻⁷ degrees.
    #[must_use]
    pub const fn longitude(&self) -> i32 {
        self.longitude
    }

    /// The radius within which it is, in centimetres, if it is known.
    #[must_use]
    pub fn accuracy(&self) -> Option<u32> {
        Some(self.accuracy).filter(|accuracy| *accuracy > 0)
    }

    /// When it was measured; `None` for a place that was chosen.
    #[must_use]
    pub fn measured_at(&self) -> Option<Timestamp> {
        Some(self.measured_at).filter(|at| *at > Timestamp::ZERO)
    }

    /// What is there; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// That it is a place, not which.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Location")
    }
}

/// SPEC V-719.
impl Wire for Location {
    type Proto = proto::Location;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "location";

    fn parse(proto: proto::Location) -> Result<Self> {
        let place = Location::at(proto.latitude, proto.longitude)?.named(proto.name)?;
        let place = if proto.accuracy == 0 { place } else { place.within(proto.accuracy)? };
        Ok(place.measured(Timestamp::from_millis(proto.measured_at)))
    }

    fn to_proto(&self) -> proto::Location {
        proto::Location {
            latitude: self.latitude,
            longitude: self.longitude,
            accuracy: self.accuracy,
            measured_at: self.measured_at.as_millis(),
            name: self.name.clone(),
        }
    }
}
