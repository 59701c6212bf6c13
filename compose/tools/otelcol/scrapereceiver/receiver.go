// Package scrapereceiver makes a receiver of metrics of a function that is asked for all of them every so often.
package scrapereceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/scraper"
	"go.opentelemetry.io/collector/scraper/scraperhelper"
	"go.uber.org/zap"
)

// Config is a component's configuration, which says how often it is asked.
type Config interface {
	Schedule() *scraperhelper.ControllerConfig
}

// NewFactory makes receivers of the type `kind`. Each reads what `reader` makes of its configuration.
func NewFactory[C Config](
	kind string, defaults func() C, reader func(C, *zap.Logger) scraper.ScrapeMetricsFunc,
) receiver.Factory {
	create := func(
		_ context.Context, settings receiver.Settings, config component.Config, next consumer.Metrics,
	) (receiver.Metrics, error) {
		own := config.(C)
		made, err := scraper.NewMetrics(reader(own, settings.Logger))
		if err != nil {
			return nil, err
		}
		return scraperhelper.NewMetricsController(
			own.Schedule(), settings, next, scraperhelper.AddMetricsScraper(settings.ID.Type(), made),
		)
	}
	return receiver.NewFactory(
		component.MustNewType(kind),
		func() component.Config { return defaults() },
		receiver.WithMetrics(create, component.StabilityLevelStable),
	)
}
