//! XEP-0045 §16.5: the data forms of a room.

pub mod register;
pub mod request;
pub mod roomconfig;
mod roomconfig_fields;
pub mod roominfo;
mod values;
