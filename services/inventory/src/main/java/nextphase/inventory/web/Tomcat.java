package nextphase.inventory.web;

import org.apache.catalina.Container;
import org.apache.catalina.Pipeline;
import org.apache.catalina.Valve;
import org.apache.catalina.core.StandardHost;
import org.apache.catalina.valves.ErrorReportValve;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.core.Ordered;
import org.springframework.stereotype.Component;

/** Makes Tomcat's own error pages problem documents. */
@Component
class Tomcat implements WebServerFactoryCustomizer<TomcatServletWebServerFactory>, Ordered {
    /** The gateway takes 100, and it and services nginx add some. */
    private static final String MAX_HEADERS = "200";

    @Override
    public void customize(TomcatServletWebServerFactory factory) {
        factory.addConnectorCustomizers(connector -> connector.setProperty("maxHeaderCount", MAX_HEADERS));
        factory.addContextCustomizers(context -> {
            Container host = context.getParent();
            removeErrorPages(host.getPipeline());
            ((StandardHost) host).setErrorReportValveClass(ProblemValve.class.getName());
        });
    }

    /** Spring Boot puts a page of its own there, in HTML. */
    private static void removeErrorPages(Pipeline pipeline) {
        for (Valve valve : pipeline.getValves()) {
            if (valve instanceof ErrorReportValve) {
                pipeline.removeValve(valve);
            }
        }
    }

    @Override
    public int getOrder() {
        return LOWEST_PRECEDENCE; // after Spring Boot's own
    }
}
