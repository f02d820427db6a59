//! The function behind `/api/bookings/{id}`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("booking")
}
