package nhsa

import (
	"sync"
	"time"
)

// centreClock follows the centre's clock by the times in its answers and, in between, by the monotonic clock: turning the
// PC's clock moves it nowhere. Safe for concurrent use.
type centreClock struct {
	mu   sync.Mutex
	told time.Time // by the last answer; zero: none has told one
	at   time.Time // when that was, with its monotonic part
}

func (c *centreClock) hear(told time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.at = told, time.Now()
}

func (c *centreClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.IsZero() {
		return time.Time{}
	}
	return c.told.Add(time.Since(c.at))
}

// CentreNow is the centre's time by its last answer in this process and the monotonic clock since; zero where no answer has
// told one. An answer takes time to arrive and a PC may sleep, so the centre's clock is not behind it.
func (c *Client) CentreNow() time.Time { return c.heard.now() }
