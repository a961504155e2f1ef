"""Every action to the sandbox WMS and back."""



def test_cancelling_is_sent_at_once_and_shown_at_once(wms, act, order):
    """P24, T21: one request, no sync run, and the order is cancelled here as it is there."""
    action = act("cancel-order", order)
    assert (action.state, action.message) == ("accepted", "")
    assert [path.rpartition("/")[2] for method, path in wms.asked("PUT")] == ["cancel"]
    order.refresh_from_db()
    assert order.status == "cancelled"
