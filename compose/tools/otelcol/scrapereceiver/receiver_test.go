package scrapereceiver

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/collector/scraper"
	"go.opentelemetry.io/collector/scraper/scrapererror"
	"go.opentelemetry.io/collector/scraper/scraperhelper"
	"go.uber.org/zap"
)

type config struct {
	scraperhelper.ControllerConfig
	value float64
}

func (c *config) Schedule() *scraperhelper.ControllerConfig {
	return &c.ControllerConfig
}

func defaults() *config {
	made := &config{ControllerConfig: scraperhelper.NewDefaultControllerConfig(), value: 42}
	made.CollectionInterval = 10 * time.Millisecond
	made.InitialDelay = 0
	return made
}

// gauge reads the value of a configuration, and fails as it is told.
func gauge(failure error) func(*config, *zap.Logger) scraper.ScrapeMetricsFunc {
	return func(own *config, _ *zap.Logger) scraper.ScrapeMetricsFunc {
		return func(context.Context) (pmetric.Metrics, error) {
			metrics := pmetric.NewMetrics()
			family := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			family.SetName("value")
			family.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(own.value)
			return metrics, failure
		}
	}
}

func TestWhatIsReadArrives(t *testing.T) {
	failures := map[string]error{
		"all of it":          nil,
		"what could be read": scrapererror.NewPartialScrapeError(errors.New("a file is away"), 1),
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			factory := NewFactory("thing", defaults, gauge(failure))
			sink := new(consumertest.MetricsSink)
			settings := receivertest.NewNopSettings(factory.Type())
			made, err := factory.CreateMetrics(t.Context(), settings, factory.CreateDefaultConfig(), sink)
			if err != nil {
				t.Fatal(err)
			}
			if err := made.Start(t.Context(), componenttest.NewNopHost()); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(time.Minute); sink.DataPointCount() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("nothing has arrived within a minute")
				}
			}
			if err := made.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			family := sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
			if value := family.Gauge().DataPoints().At(0).DoubleValue(); value != 42 {
				t.Errorf("%s is %v", family.Name(), value)
			}
		})
	}
}
