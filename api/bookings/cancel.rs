//! The function behind `/api/bookings/{id}/cancel`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("bookings/cancel")
}
