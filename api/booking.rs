//! The function behind `/api/bookings/{id}`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("booking")
}
