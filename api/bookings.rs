//! The function behind `/api/bookings`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings")
}
