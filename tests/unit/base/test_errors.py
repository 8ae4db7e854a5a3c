import pytest

from sitectl.base.errors import ConfigurationError, EnvironmentFault, InternalError, PeerError, SitectlError


@pytest.mark.parametrize(
    ("error", "retry_is_sane"),
    [(PeerError, True), (ConfigurationError, False), (EnvironmentFault, True), (InternalError, False)],
)
def test_each_fault_hangs_on_the_one_root_and_says_whether_to_retry(
    error: type[SitectlError], retry_is_sane: bool
) -> None:
    assert error.__bases__ == (SitectlError,)
    assert error("reason").retry_is_sane is retry_is_sane


def test_faults_are_no_os_errors() -> None:
    assert not issubclass(EnvironmentFault, OSError)
