"""AWS's list prices for us-east-1 in November 2026, in US dollars, without the free tier."""

from __future__ import annotations

from dataclasses import dataclass

DATE = "November 2026"
REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """A list price.

    Attributes
    ----------
    dollars : float
    unit : str
        What costs that much.
    service : str
        The name in the address of the price list, https://aws.amazon.com/<service>/pricing/.
    per : float
        Number of things in a unit.
    """

    dollars: float
    unit: str
    service: str
    per: float = 1

    @property
    def each(self) -> float:
        """The price of one thing in US dollars."""
        return self.dollars / self.per


MILLION = 1e6
HOURS_PER_MONTH = 730

API_REQUEST = Price(3.50, "million requests to a REST API", "api-gateway", MILLION)
INVOCATION = Price(0.20, "million invocations", "lambda", MILLION)
GB_SECOND = Price(0.0000166667, "GB-second on x86_64", "lambda")
GB_SECOND_ARM = Price(0.0000133334, "GB-second on arm64", "lambda")
SNAPSHOT_GB_SECOND = Price(0.0000015046, "GB-second", "lambda")
SNAPSHOT_GB_RESTORED = Price(0.0001397998, "GB", "lambda")
ALARM = Price(0.10, "metric of an alarm", "cloudwatch")
FAST_ALARM = Price(0.30, "metric of an alarm, with a period under a minute", "cloudwatch")
DASHBOARD = Price(3.00, "dashboard", "cloudwatch")
METRIC = Price(0.30, "metric", "cloudwatch")
LOG_GB = Price(0.50, "GB written", "cloudwatch")
TRACE = Price(5.00, "million traces", "xray", MILLION)
STORAGE_GB = Price(0.023, "GB stored", "s3")
GET = Price(0.40, "million GET requests", "s3", MILLION)
PUT_OR_LIST = Price(5.00, "million PUT or LIST requests", "s3", MILLION)
TRANSITION = Price(25.00, "million state transitions", "step-functions", MILLION)
GB_OUT = Price(0.09, "GB sent to the internet", "ec2")
ACL = Price(5.00, "web ACL", "waf")
ACL_RULE = Price(1.00, "rule of a web ACL", "waf")
ACL_REQUEST = Price(0.60, "million checked requests", "waf", MILLION)
