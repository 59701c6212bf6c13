// A gateway of Lura, KrakenD's engine, with KrakenD's own OpenTelemetry wherever its configuration asks for it.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	otel "github.com/krakend/krakend-otel"
	tracked "github.com/krakend/krakend-otel/http/server"
	otellura "github.com/krakend/krakend-otel/lura"
	otelgin "github.com/krakend/krakend-otel/router/gin"
	"github.com/luraproject/lura/v2/config"
	"github.com/luraproject/lura/v2/logging"
	"github.com/luraproject/lura/v2/proxy"
	router "github.com/luraproject/lura/v2/router/gin"
	"github.com/luraproject/lura/v2/transport/http/client"
	"github.com/luraproject/lura/v2/transport/http/server"
)

func backend(remote *config.Backend) proxy.Proxy {
	executor := otellura.HTTPRequestExecutorFromConfig(client.NewHTTPClient, remote)
	return proxy.NewHTTPProxyWithHTTPExecutor(remote, executor, remote.Decoder)
}

func serve(ctx context.Context, service config.ServiceConfig, handler http.Handler) error {
	return server.RunServer(ctx, service, tracked.NewTrackingHandler(handler))
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	service, err := config.NewParser().Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	logger, err := logging.NewLogger("ERROR", os.Stderr, "")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	shutdown, err := otel.Register(ctx, logger, service)
	if err != nil {
		log.Fatal(err)
	}
	defer shutdown()
	factory := router.NewFactory(router.Config{
		Engine:         gin.New(),
		ProxyFactory:   otellura.ProxyFactory(proxy.NewDefaultFactory(otellura.BackendFactory(backend), logger)),
		Logger:         logger,
		HandlerFactory: otelgin.New(router.EndpointHandler),
		RunServer:      serve,
	})
	factory.NewWithContext(ctx).Run(service)
}
