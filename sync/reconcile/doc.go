// Package reconcile holds the venue's book against the centre's (对账): totals of a day (3201), and where they differ, or
// where messages are open, each row (9101, 3202, 9102).
//
// Days are days of the centre's setl_time and not of the till's clock. A cancellation is a row of its own, on its own
// day. Comparing is pure ([Totals], [Compare]); [Runner] asks the centre and tells the [Store].
//
// # Proof
//
// A message whose outcome is unknown and which 2601 cannot find is resolved here ([Runner.Prove]): a 3202 result that
// shows a row under its msgid proves that it was booked; a result that shows none, asked for long after the message was
// given up, proves that it was not. A row without a msgid, an office that nobody knows, or a file that cannot be read
// proves nothing.
package reconcile
