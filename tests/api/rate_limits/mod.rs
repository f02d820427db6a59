//! Rate limits by address and by signed-in user.

mod by_address;
mod by_user;
