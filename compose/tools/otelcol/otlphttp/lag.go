package otlphttp

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/metric"
)

// quietAfter is how long after the last batch nothing can be said to be late.
const quietAfter = 15 * time.Second

// lag is how late what a store gets is: the age of the newest record in the batch that was sent last. While that is not
// taken, it ages on.
type lag struct {
	mutex  sync.Mutex
	newest time.Time
	sent   time.Time
}

// trying is called before a batch is sent. 0 is no time.
func (l *lag) trying(newest pcommon.Timestamp) {
	if newest == 0 {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.newest, l.sent = newest.AsTime(), time.Time{}
}

// taken is called after it.
func (l *lag) taken() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sent = time.Now()
}

func (l *lag) seconds(now time.Time) float64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	switch {
	case l.newest.IsZero():
		return 0
	case l.sent.IsZero():
		return now.Sub(l.newest).Seconds()
	case now.Sub(l.sent) > quietAfter:
		return 0
	}
	return l.sent.Sub(l.newest).Seconds()
}

// show makes it a metric.
func (l *lag) show(meter metric.Meter, labels metric.MeasurementOption) error {
	gauge, err := meter.Float64ObservableGauge(
		"otelcol_exporter_lag_seconds",
		metric.WithDescription("Age of the newest record in what was last sent to the store, or tries to be."),
	)
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		to.ObserveFloat64(gauge, l.seconds(time.Now()), labels)
		return nil
	}, gauge)
	return err
}
