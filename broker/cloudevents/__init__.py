"""CloudEvents 1.0.2: an event's attributes, and its forms in HTTP headers and in JSON.

https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents
"""
