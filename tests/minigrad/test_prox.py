"""Projections: each lands in its set, leaves members alone, and finds the nearest member."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backend import current
from minigrad.prox import project_box, project_l2, project_linf
from minigrad.testing import assert_identity, assert_maximizer, assert_nonexpansive, assert_projection, close
from minigrad.testing import strategies as ms

radii = ms.numbers(0.0, 2.0)


@pytest.mark.proves("opt19-prox-clip", "epfl11-prox-projection")
@given(radius=radii)
def test_clipping_is_the_projection_onto_the_linf_ball(radius):
    assert_projection(lambda x: project_linf(x, radius), lambda x: abs(x).max() <= radius, examples=30)
    assert_nonexpansive(lambda x: project_linf(x, radius), examples=30)
    assert_identity(lambda x: project_linf(x, radius), lambda x: numpy.clip(x, -radius, radius), examples=30)


@pytest.mark.proves("opt19-prox-clip", "epfl11-prox-projection")
@given(x=ms.vectors(3), step=ms.numbers(0.125, 3.0), radius=ms.numbers(0.125, 2.0))
def test_the_prox_of_the_indicator_is_the_projection_whatever_the_step(x, step, radius):
    """prox_{λg}(x) minimises g(z) + ‖z − x‖²/(2λ); on the ball, where g = 0, the projection does for every λ."""
    objective = lambda z: -((z - x) ** 2).sum() / (2.0 * step)  # noqa: E731
    feasible = ms.inside_ball(3, "linf", radius)
    assert_maximizer(objective, project_linf(x, radius), feasible, condition=10.0, examples=30)


@pytest.mark.refutes("epfl11-prox-projection")
def test_with_one_letter_for_step_and_radius_the_projection_would_depend_on_the_step():
    x = numpy.array([2.0])
    ball_of_radius_one = [x.clip(-step, step).tolist() for step in (1.0, 0.5)]  # the slide's λ read in both roles
    assert ball_of_radius_one == [[1.0], [0.5]]


@given(radius=radii)
def test_shortening_is_the_projection_onto_the_l2_ball(radius):
    def member(x):
        return numpy.linalg.norm(x) <= radius * (1.0 + 1e-12)

    assert_projection(lambda x: project_l2(x, radius), member, examples=30)


@given(x=ms.arrays((3, 2, 2)))
def test_a_stack_of_points_is_projected_one_by_one(x):
    assert close(project_l2(x, 1.0), numpy.stack([project_l2(part.ravel(), 1.0).reshape(2, 2) for part in x]))


@given(data=st.data())
def test_the_box_may_differ_by_coordinate(data):
    low = data.draw(ms.vectors(3, -2.0, 0.0))
    high = data.draw(ms.vectors(3, 0.0, 2.0))
    assert_projection(lambda x: project_box(x, low, high), lambda x: ((low <= x) & (x <= high)).all(), 3, examples=30)


@pytest.mark.usefixtures("each_backend")
def test_projections_keep_the_dtype_and_can_be_differentiated():
    x = current().asarray(numpy.array([3.0, 4.0], "float32"))
    assert project_l2(x, 1.0).dtype == project_linf(x, 1.0).dtype == "float32"
    assert mg.grad(lambda x: project_linf(x, 3.5).sum())(x).tolist() == [1.0, 0.0]
    mg.testing.check_grads(lambda x: project_l2(x, 1.0), numpy.array([3.0, 4.0]))


def test_impossible_sets_are_refused():
    with pytest.raises(ValueError, match=r"radius of at least 0; got -1"):
        project_l2(numpy.ones(2), -1.0)
    with pytest.raises(ValueError, match="radius of at least 0; got nan"):
        project_linf(numpy.ones(2), float("nan"))
    with pytest.raises(ValueError, match="box is empty"):
        project_box(numpy.ones(2), 1.0, 0.0)
