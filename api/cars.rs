//! The function behind `/api/cars`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("cars")
}
